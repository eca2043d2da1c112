/** Runs the host's git: by a fixed path, with an environment of its own, and with everything off that a repository could make it run. */
import { type ChildProcess, spawn } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { join } from "node:path";
import { TsbuildError } from "../../base/errors.js";
import type { GitTransport } from "./remote.js";

const FOLDERS = ["/usr/local/bin", "/usr/bin", "/bin"] as const;
const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/** Of the caller's environment: how to reach the network, and whom to trust there. */
const KEPT = [
  "http_proxy",
  "https_proxy",
  "all_proxy",
  "no_proxy",
  "HTTP_PROXY",
  "HTTPS_PROXY",
  "ALL_PROXY",
  "NO_PROXY",
  "SSL_CERT_FILE",
  "SSL_CERT_DIR",
  "GIT_SSL_CAINFO",
  "GIT_SSL_CAPATH",
] as const;

export type GitConfig = readonly (readonly [key: string, value: string])[];

/** git-config(1). In force over what any repository's own file says. */
const SAFE: GitConfig = [
  ["core.hooksPath", "/dev/null"],
  ["core.fsmonitor", "false"],
  ["core.attributesFile", "/dev/null"],
  ["core.excludesFile", "/dev/null"],
  ["core.untrackedCache", "false"],
  ["core.autocrlf", "false"],
  ["core.fileMode", "true"],
  ["core.symlinks", "true"],
  ["core.alternateRefsCommand", "/bin/false"],
  ["protocol.ext.allow", "never"],
  ["protocol.version", "2"],
  ["transfer.bundleURI", "false"],
  ["submodule.recurse", "false"],
  ["fetch.recurseSubmodules", "false"],
  ["gc.auto", "0"],
  ["maintenance.auto", "false"],
  ["advice.detachedHead", "false"],
  ["credential.helper", ""],
  ["http.lowSpeedLimit", "1000"],
  ["http.lowSpeedTime", "60"],
];

export interface GitRun {
  readonly args: readonly string[];
  /** Empty of everything else: it is git's home and where it runs. */
  readonly home: string;
  /** The repository; unset: none, whatever folder this is in. */
  readonly gitDir?: string | undefined;
  /** Default: `home`. */
  readonly cwd?: string | undefined;
  /** The one protocol it may speak; unset: none. */
  readonly transport?: GitTransport | undefined;
  /** More of it. Credentials belong here: arguments are for all to see. */
  readonly config?: GitConfig | undefined;
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** Called with each piece of stdout; unset: it is returned. */
  readonly onOutput?: ((chunk: Buffer) => void) | undefined;
  /** Must never be shown, wherever git says them. */
  readonly secrets?: readonly string[] | undefined;
}

const MAX_STDOUT_BYTES = 64 * 2 ** 20;
const MAX_STDERR_BYTES = 16 * 1024;

/** git ended with a failure. `text`: what it said, cleaned and shortened. */
export class GitFailure extends Error {
  readonly exitCode: number | null;
  readonly text: string;

  constructor(exitCode: number | null, text: string) {
    super(`git: ${text === "" ? `exit code ${exitCode ?? "none"}` : text}`);
    this.name = "GitFailure";
    this.exitCode = exitCode;
    this.text = text;
  }
}

/**
 * Its stdout. Aborting kills git and all it has started.
 * @throws {GitFailure} @throws {TsbuildError} GIT_MISSING
 */
export async function runGit(run: GitRun, signal: AbortSignal): Promise<string> {
  signal.throwIfAborted();
  const git = findProgram("git", "git");
  // The umask decides what a checkout's files may do; Node can't set it for a child.
  const args = ["-c", 'umask 022; exec "$@"', "sh", git, ...run.args];
  const child = spawn("/bin/sh", args, {
    cwd: run.cwd ?? run.home,
    env: environmentOf(run, process.env),
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const kill = (): void => killGroup(child);
  signal.addEventListener("abort", kill, { once: true });
  try {
    return await outcomeOf(child, run, signal);
  } finally {
    signal.removeEventListener("abort", kill);
  }
}

/** @throws {TsbuildError} GIT_MISSING, SSH_MISSING */
export function findProgram(name: string, debianPackage: string, folders: readonly string[] = FOLDERS): string {
  const found = folders.map((folder) => join(folder, name)).find(isExecutable);
  if (found !== undefined) return found;
  throw new TsbuildError(
    name === "git" ? "GIT_MISSING" : "SSH_MISSING",
    `this needs the program ${name}, which is not in ${folders.join(", ")}`,
    {
      hint: `install the package ${debianPackage}`,
    },
  );
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

export function environmentOf(
  { home, gitDir, transport, config = [], env = {} }: GitRun,
  outer: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const kept = KEPT.flatMap((name) => (outer[name] === undefined ? [] : [[name, outer[name]] as const]));
  return {
    ...Object.fromEntries(kept),
    PATH,
    HOME: home,
    XDG_CONFIG_HOME: join(home, "none"),
    // Never a repository that the store happens to lie in.
    GIT_DIR: gitDir ?? join(home, "none"),
    LC_ALL: "C",
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_CONFIG_SYSTEM: "/dev/null",
    GIT_CONFIG_GLOBAL: "/dev/null",
    GIT_ATTR_NOSYSTEM: "1",
    GIT_TERMINAL_PROMPT: "0",
    GIT_NO_REPLACE_OBJECTS: "1",
    GIT_NO_LAZY_FETCH: "1",
    GIT_PROTOCOL_FROM_USER: "0",
    // `none` is no protocol: an empty list would mean git's defaults
    GIT_ALLOW_PROTOCOL: transport ?? "none",
    ...configEnvironment([...SAFE, ...config]),
    ...env,
  };
}

/** git-config(1), GIT_CONFIG_COUNT: stands above all files, and nobody else reads it. */
function configEnvironment(config: GitConfig): Record<string, string> {
  const pairs = config.flatMap(([key, value], index) => [
    [`GIT_CONFIG_KEY_${index}`, key] as const,
    [`GIT_CONFIG_VALUE_${index}`, value] as const,
  ]);
  return { GIT_CONFIG_COUNT: String(config.length), ...Object.fromEntries(pairs) };
}

function outcomeOf(child: ChildProcess, run: GitRun, signal: AbortSignal): Promise<string> {
  const stdout: Buffer[] = [];
  let stdoutBytes = 0;
  let stderr: Buffer = Buffer.alloc(0);
  let problem: unknown;
  const stop = (reason: unknown): void => {
    problem ??= reason;
    killGroup(child);
  };
  child.stdout?.on("data", (chunk: Buffer) => {
    stdoutBytes += chunk.length;
    if (run.onOutput === undefined && stdoutBytes > MAX_STDOUT_BYTES) return stop(new GitFailure(null, "the answer is too long"));
    try {
      if (run.onOutput === undefined) stdout.push(chunk);
      else run.onOutput(chunk);
    } catch (error) {
      stop(error);
    }
  });
  child.stderr?.on("data", (chunk: Buffer) => {
    stderr = Buffer.concat([stderr, chunk]).subarray(-MAX_STDERR_BYTES);
  });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => {
      // helpers that it left behind
      killGroup(child);
      if (signal.aborted) return reject(signal.reason);
      if (problem !== undefined) return reject(problem);
      if (code === 0) return resolve(Buffer.concat(stdout).toString("utf8"));
      reject(new GitFailure(code, cleaned(stderr.toString("utf8"), run.secrets ?? [])));
    });
  });
}

/** A server may say what it likes: no control characters, no secrets, not without end. */
function cleaned(text: string, secrets: readonly string[]): string {
  const hidden = secrets.reduce((rest, secret) => (secret === "" ? rest : rest.replaceAll(secret, "***")), text);
  const lines = hidden
    .replace(/(https?:\/\/)[^/@\s]*@/gi, "$1")
    .split("\n")
    .map((line) => line.replace(/[\u0000-\u001f\u007f-\u009f]/g, " ").trim())
    .filter((line) => line !== "" && !/^warning: /i.test(line));
  return lines.slice(-4).join("; ").slice(-600);
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch {
    // ESRCH: all of it has ended
  }
}
