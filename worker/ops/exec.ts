/** RUN: one process on top of its input, with its mounts, and what it changed as a new snapshot. */
import { randomBytes } from "node:crypto";
import { statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CleanupStack } from "../../base/cleanup.js";
import { TsbuildError } from "../../base/errors.js";
import { cgroupName } from "../../executor/cgroup.js";
import type { ExitStatus, ProcessSpec, Resources } from "../../executor/types.js";
import { hostsFile, resolvConf } from "../../executor/network/files.js";
import { readResolverFiles } from "../../executor/network/resolvers.js";
import { parseUlimit } from "../../executor/ulimit.js";
import type { Vertex } from "../../llb/graph.js";
import type { ExecLimits, ExecOp } from "../../llb/op.js";
import type { Result, RunOutcome } from "../../solver/types.js";
import { activePaths, commitWritten } from "../active.js";
import type { BuildEnvironment } from "../environment.js";
import type { StepDns } from "../types.js";
import { StepLog } from "../step-log.js";
import { type StepMounts, prepareMounts } from "./exec-mounts.js";
import { stepNetwork } from "./exec-network.js";

const DEFAULT_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

export async function runExec(
  env: BuildEnvironment,
  vertex: Vertex,
  op: ExecOp,
  inputs: readonly Result[],
  signal: AbortSignal,
): Promise<RunOutcome> {
  await using stack = new CleanupStack();
  const { store } = env;
  const base = inputs[0];
  if (base === undefined) throw new Error("Internal error: a process without a root filesystem");
  const active = stack.use(await store.snapshots.prepare());
  const scratch = stack.use(await store.tempDir());
  const mounts = stack.use(await prepareMounts(env, vertex, op, inputs, signal));
  using log = new StepLog(store.path("builds", env.buildId, `${vertex.digest.slice(7, 23)}.log`), vertex.digest, env.events);
  const status = await execute(env, op, { base, mounts, scratchDir: scratch.path, active: activePaths(active), log, signal });
  if (!(op.validExitCodes ?? [0]).includes(status.exit.code)) throw failure(op, status.exit, log);
  const facts = await env.pools.run(
    {
      type: "scan-step",
      active: activePaths(active),
      parentIdentity: identityOf(base),
      parentLists: base.chain.map((name) => store.snapshots.listPath(name)),
      inputLists: mounts.inputChains.flat().map((name) => store.snapshots.listPath(name)),
      window: status.window,
      wantsDiffId: env.wantsDiffId,
    },
    { signal },
  );
  const name = await commitWritten(active, facts);
  return { chain: [...base.chain, name], identity: facts.identity, logPath: log.isWritten ? log.path : undefined };
}

interface Execution {
  readonly base: Result;
  readonly mounts: StepMounts;
  readonly scratchDir: string;
  readonly active: ReturnType<typeof activePaths>;
  readonly log: StepLog;
  readonly signal: AbortSignal;
}

interface Executed {
  readonly exit: ExitStatus;
  readonly window: { readonly fromNs: bigint; readonly toNs: bigint };
}

async function execute(env: BuildEnvironment, op: ExecOp, run: Execution): Promise<Executed> {
  await using stack = new CleanupStack();
  const network = await stepNetwork(env, op.network, run.signal);
  stack.defer(() => network[Symbol.asyncDispose]());
  const id = `step-${randomBytes(8).toString("hex")}`;
  const cgroup = { type: "cgroup", name: cgroupName(id, op.limits.cgroupParent) } as const;
  await env.store.lease.own(cgroup);
  stack.defer(() => env.store.lease.release(cgroup));
  const fromNs = clockNs(run.scratchDir, "before");
  const exit = await env.pools.run(
    {
      type: "exec",
      lowers: await env.store.snapshots.lowers(run.base.chain),
      active: run.active,
      process: processSpec(op, {
        id,
        dns: env.dns,
        network,
        mounts: run.mounts,
        scratchDir: run.scratchDir,
        rootfs: run.active.mountpoint,
      }),
      mounts: run.mounts.mounts,
      scratchDir: run.scratchDir,
      filterCacheDir: env.store.path("filters"),
    },
    { signal: run.signal, onMessage: (message) => run.log.write(message.stream, message.data) },
  );
  return { exit, window: { fromNs, toNs: clockNs(run.scratchDir, "after") } };
}

interface SpecFacts {
  readonly id: string;
  readonly dns: StepDns;
  readonly network: Awaited<ReturnType<typeof stepNetwork>>;
  readonly mounts: StepMounts;
  readonly scratchDir: string;
  readonly rootfs: string;
}

/** The step as a process, with Docker's defaults for a build. */
function processSpec(op: ExecOp, facts: SpecFacts): ProcessSpec {
  const env = [...op.env, ...op.proxyEnv, ...facts.mounts.env];
  const isInsecure = op.security === "insecure";
  const hostname = op.hostname ?? "buildkitsandbox";
  return {
    id: facts.id,
    stateDir: join(facts.scratchDir, "runtime"),
    rootfs: facts.rootfs,
    args: op.args,
    env: env.some((entry) => entry.startsWith("PATH=")) ? env : [DEFAULT_PATH, ...env],
    cwd: op.cwd === "" ? "/" : op.cwd,
    user: op.user,
    hostname,
    mounts: [],
    network: facts.network.network,
    hostsFile: hostsFile({ hostname, ip: facts.network.ip, extraHosts: op.extraHosts.map(hostEntry) }),
    resolvConfFile: resolvConf({
      files: readResolverFiles(),
      network: op.network === "default" ? "bridge" : op.network,
      dns: facts.dns.servers,
      search: facts.dns.search,
      options: facts.dns.options,
    }),
    security: {
      capAdd: [],
      capDrop: [],
      privileged: isInsecure,
      seccomp: isInsecure ? "unconfined" : "default",
      noNewPrivileges: false,
      readonlyRootfs: false,
    },
    resources: resourcesOf(op.limits),
    init: false,
    terminal: false,
    cgroupParent: op.limits.cgroupParent,
  };
}

function hostEntry(text: string): { readonly name: string; readonly ip: string } {
  const split = text.search(/[:=]/);
  return { name: text.slice(0, split), ip: text.slice(split + 1) };
}

function resourcesOf(limits: ExecLimits): Resources {
  const { ulimits, cgroupParent: _parent, ...rest } = limits;
  return { ...rest, ...(ulimits === undefined ? {} : { ulimits: ulimits.map(parseUlimit) }) };
}

/** The filesystem's own time: the modification time that a new file gets. */
function clockNs(dir: string, name: string): bigint {
  const path = join(dir, `clock-${name}`);
  writeFileSync(path, "");
  return statSync(path, { bigint: true }).mtimeNs;
}

function identityOf(base: Result): NonNullable<Result["identity"]> {
  if (base.identity === undefined) throw new Error("Internal error: a root filesystem without an identity");
  return base.identity;
}

function failure(op: ExecOp, exit: ExitStatus, log: StepLog): TsbuildError {
  const command = op.args.join(" ");
  const shown = command.length > 400 ? `${command.slice(0, 400)}…` : command;
  const why = exit.isOomKilled
    ? `it was killed because it reached its memory limit (exit code: ${exit.code})`
    : `exit code: ${exit.code}${exit.code > 128 && exit.code < 193 ? ` (signal ${exit.code - 128})` : ""}`;
  const hint = log.isWritten ? `the whole output is in ${log.path}` : undefined;
  return new TsbuildError("STEP_FAILED", `process "${shown}" did not complete successfully: ${why}`, { hint });
}
