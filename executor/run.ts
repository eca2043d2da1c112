/** Runs one process to its end, and leaves nothing of it. */
import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { existsSync, readFileSync, writeSync } from "node:fs";
import { flushedOutput, ownMessages } from "./flushed-output.js";
import { join } from "node:path";
import { isatty } from "node:tty";
import { CleanupStack } from "../base/cleanup.js";
import { TsbuildError, isErrno } from "../base/errors.js";
import { loadKernel } from "../sys/kernel.js";
import type { Kernel } from "../sys/types.js";
import type { Bundle } from "./bundle.js";
import { writeBundle } from "./bundle.js";
import type { ProcessCgroup } from "./cgroup.js";
import { leaveHybridMode, openCgroup } from "./cgroup.js";
import { emulatorMissing, foreignProgram, requireEmulator } from "./emulation.js";
import { readHostFacts } from "./host.js";
import { RuntimeError, lastLoggedError, runtimeError } from "./runtime-error.js";
import type { Runtime } from "./runtime.js";
import { PROGRAM_ENVIRONMENT, findRuntime } from "./runtime.js";
import type { Input } from "./streams.js";
import { openStreams } from "./streams.js";
import { recordMountStubs } from "./stubs.js";
import { followResizes, ownTerminalSize, saveTerminal, withTerminal } from "./terminal.js";
import type { ExitStatus, OutputSink, ProcessSpec } from "./types.js";

export interface RunOptions {
  /** `inherit`: this process's own stdin. */
  readonly stdin: Input;
  /** Gets every byte, at once and in order per stream. Unset: output goes where this process's own goes. */
  readonly onOutput?: OutputSink | undefined;
  /** Ends the process at once; `runProcess` rejects with its reason when all of it is gone. */
  readonly signal: AbortSignal;
  /** Called once, when the process can be sent signals. */
  readonly onStarted?: ((running: RunningProcess) => void) | undefined;
  /** See BundleRequest. */
  readonly filterCacheDir?: string | undefined;
  readonly kernel?: Kernel | undefined;
  readonly runtime?: Runtime | undefined;
}

export interface RunningProcess {
  /** Of its first process, as this process counts. */
  readonly pid: number;
  /** To its first process; SIGKILL to all of it. */
  kill(signal: NodeJS.Signals): void;
}

const ENDING_STEP_MS = 20;
/** A runtime that doesn't end itself when its container is gone. */
const RUNTIME_PATIENCE_MS = 2000;

/**
 * Starts `spec` and waits until the process, everything it started and its cgroup are gone.
 * @throws {RuntimeError} when it can't be started (exit codes 125, 126, 127); {TsbuildError} for what the spec asks and the
 * host or image can't give; `options.signal.reason` when aborted
 */
export async function runProcess(spec: ProcessSpec, options: RunOptions): Promise<ExitStatus> {
  options.signal.throwIfAborted();
  const kernel = options.kernel ?? loadKernel();
  const runtime = options.runtime ?? findRuntime();
  await using undo = new CleanupStack();
  if (runtime.kind === "crun") leaveHybridMode(kernel);
  const host = readHostFacts();
  const cgroup = undo.use(openCgroup(kernel, { id: spec.id, parent: spec.cgroupParent, stateDir: spec.stateDir }));
  const bundle = writeBundle(kernel, {
    spec,
    host,
    runtime,
    cgroupsPath: cgroup.cgroupsPath,
    consoleSize: ownTerminalSize(),
    filterCacheDir: options.filterCacheDir,
  });
  requireEmulator(kernel, spec);
  if (!spec.security.readonlyRootfs) {
    const stubs = recordMountStubs(kernel, spec.rootfs, [...spec.mounts.map((mount) => mount.target), "/etc/hosts", "/etc/resolv.conf"]);
    undo.defer(() => stubs.remove());
  }
  undo.defer(() => bundle.keepFilter());
  undo.defer(() => deleteLeftovers({ spec, runtime, bundle }));
  const startedAtMs = Date.now();
  const ended = await superviseRuntime({ spec, options, kernel, runtime, bundle, cgroup });
  const endedAtMs = Date.now();
  return {
    code: exitCode({ kernel, spec, bundle }, ended),
    isOomKilled: cgroup.oomKills() > 0,
    peakMemoryBytes: cgroup.peakMemoryBytes(),
    startedAtMs,
    endedAtMs,
  };
}

interface Supervision {
  readonly spec: ProcessSpec;
  readonly options: RunOptions;
  readonly kernel: Kernel;
  readonly runtime: Runtime;
  readonly bundle: Bundle;
  readonly cgroup: ProcessCgroup;
}

/** How the runtime itself ended. */
interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

const logPath = (bundle: Bundle): string => join(bundle.path, "log.json");
const pidPath = (bundle: Bundle): string => join(bundle.path, "pid");

async function superviseRuntime(supervision: Supervision): Promise<Ended> {
  const { spec, options, kernel, bundle } = supervision;
  // The runtime itself relays when both its ends are our terminal; else a terminal is made around it.
  const isDirect = spec.terminal && options.stdin === "inherit" && isatty(0) && isatty(1) && options.onOutput === undefined;
  const isWrapped = spec.terminal && !isDirect;
  const streams = isDirect
    ? undefined
    : openStreams(kernel, { stdin: options.stdin, onOutput: options.onOutput, folder: bundle.path, isWrapped });
  const terminal = isDirect ? saveTerminal() : undefined;
  const line = commandLine(supervision);
  const { command, args } = isWrapped ? withTerminal(line.command, line.args) : line;
  const child = spawn(command, [...args], {
    stdio: streams === undefined ? "inherit" : [...streams.stdio],
    env: PROGRAM_ENVIRONMENT,
    cwd: "/",
    // Ctrl-C at our terminal is for us to pass on. With a terminal of its own it comes as a byte.
    detached: !spec.terminal,
  });
  const exited = exitOf(child);
  try {
    await startOf(child);
  } catch (error) {
    streams?.discard();
    throw new TsbuildError("RUNTIME_MISSING", `${command} could not be started`, { cause: error });
  }
  const outputFailed = new AbortController();
  streams?.started((error) => outputFailed.abort(error));
  return await untilEnded(supervision, {
    child,
    exited,
    outputFailed: outputFailed.signal,
    finished: () => streams?.finished() ?? Promise.resolve(),
    restore: () => terminal?.restore(),
  });
}

interface Running {
  readonly child: ChildProcess;
  readonly exited: Promise<Ended>;
  readonly outputFailed: AbortSignal;
  readonly finished: () => Promise<void>;
  readonly restore: () => void;
}

async function untilEnded(
  { spec, options, bundle, cgroup }: Supervision,
  { child, exited, outputFailed, finished, restore }: Running,
): Promise<Ended> {
  const stopEnding = endOnAbort(AbortSignal.any([options.signal, outputFailed]), { child, cgroup });
  const stopWaiting = announce(options.onStarted, { child, bundle, cgroup });
  const stopResizing = spec.terminal ? followResizes(() => readPid(bundle)) : undefined;
  const ended = await exited;
  stopResizing?.();
  stopWaiting();
  stopEnding();
  if (ended.code === null) restore();
  // What is left can hold the pipes open only if the runtime was killed.
  cgroup.kill();
  await finished();
  if (spec.terminal) await passOnFlushed(bundle, options.onOutput);
  options.signal.throwIfAborted();
  outputFailed.throwIfAborted();
  return ended;
}

async function passOnFlushed(bundle: Bundle, onOutput: RunOptions["onOutput"]): Promise<void> {
  const bytes = Buffer.from(flushedOutput(readIfPresent(logPath(bundle), "latin1") ?? ""), "latin1");
  if (bytes.length === 0) return;
  if (onOutput === undefined) writeSync(1, bytes);
  else await onOutput(1, bytes);
}

function commandLine({ spec, runtime, bundle }: Supervision): { readonly command: string; readonly args: readonly string[] } {
  const global = ["--root", bundle.runtimeRoot, "--log", logPath(bundle), "--log-format", "json"];
  const manager = runtime.kind === "crun" ? ["--cgroup-manager", "cgroupfs"] : [];
  return { command: runtime.path, args: [...global, ...manager, "run", "--bundle", bundle.path, "--pid-file", pidPath(bundle), spec.id] };
}

function startOf(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once("spawn", resolve);
    child.once("error", reject);
  });
}

function exitOf(child: ChildProcess): Promise<Ended> {
  return new Promise((resolve) => {
    child.once("exit", (code, signal) => resolve({ code, signal }));
  });
}

/** Kills again and again until the runtime has ended: its container may join the cgroup only after the first time. */
function endOnAbort(signal: AbortSignal, { child, cgroup }: { readonly child: ChildProcess; readonly cgroup: ProcessCgroup }): () => void {
  let timer: NodeJS.Timeout | undefined;
  const end = (): void => {
    const sinceMs = performance.now();
    const step = (): void => {
      cgroup.kill();
      if (performance.now() - sinceMs > RUNTIME_PATIENCE_MS) child.kill("SIGKILL");
      timer = setTimeout(step, ENDING_STEP_MS);
    };
    step();
  };
  if (signal.aborted) end();
  else signal.addEventListener("abort", end, { once: true });
  return () => {
    signal.removeEventListener("abort", end);
    clearTimeout(timer);
  };
}

/** The runtime passes signals on from when it has written the pid; before, they would end the runtime itself. */
function announce(
  onStarted: RunOptions["onStarted"],
  { child, bundle, cgroup }: { readonly child: ChildProcess; readonly bundle: Bundle; readonly cgroup: ProcessCgroup },
): () => void {
  if (onStarted === undefined) return () => undefined;
  let timer: NodeJS.Timeout | undefined;
  const look = (): void => {
    const pid = readPid(bundle);
    if (pid === undefined) timer = setTimeout(look, 2);
    else onStarted({ pid, kill: (signal) => (signal === "SIGKILL" ? cgroup.kill() : void child.kill(signal)) });
  };
  look();
  return () => {
    clearTimeout(timer);
  };
}

function readPid(bundle: Bundle): number | undefined {
  const pid = Number(readIfPresent(pidPath(bundle)) ?? "");
  return pid > 0 ? pid : undefined;
}

/** @throws {RuntimeError} when the process was never started, or the runtime was killed from outside */
function exitCode({ kernel, spec, bundle }: Pick<Supervision, "kernel" | "spec" | "bundle">, { code, signal }: Ended): number {
  if (code === null) throw new RuntimeError("RUNTIME_KILLED", `the OCI runtime was ended by ${signal ?? "a signal"}`, { exitCode: 125 });
  if (code === 0) return 0;
  const log = readIfPresent(logPath(bundle)) ?? "";
  const logged = lastLoggedError(spec.terminal ? ownMessages(log) : log);
  // runc complains about the memory cgroup that is kept from it.
  if (logged === undefined || /remove (cgroup|paths)/i.test(logged)) return code;
  const foreign = /exec format error/i.test(logged) ? foreignProgram(kernel, spec) : undefined;
  throw foreign === undefined ? runtimeError(logged, spec.args[0] ?? "") : emulatorMissing(foreign);
}

/** The runtime removes its own state when all goes well. */
async function deleteLeftovers({ spec, runtime, bundle }: Pick<Supervision, "spec" | "runtime" | "bundle">): Promise<void> {
  if (!existsSync(join(bundle.runtimeRoot, spec.id))) return;
  const child = spawn(runtime.path, ["--root", bundle.runtimeRoot, "delete", "--force", spec.id], {
    stdio: "ignore",
    env: PROGRAM_ENVIRONMENT,
    cwd: "/",
  });
  await exitOf(child);
}

function readIfPresent(path: string, encoding: "utf8" | "latin1" = "utf8"): string | undefined {
  try {
    return readFileSync(path, encoding);
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}
