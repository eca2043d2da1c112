/** RUN --mount: what has to be there before the process starts, and what goes when it has ended. */
import { createHash } from "node:crypto";
import { chmodSync, chownSync, existsSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { CleanupStack } from "../../base/cleanup.js";
import { TsbuildError } from "../../base/errors.js";
import { unreachable } from "../../base/unreachable.js";
import type { Chain } from "../../cache/types.js";
import type { Vertex } from "../../llb/graph.js";
import type { CacheMount, ExecMount, ExecOp, SecretMount, SshMount } from "../../llb/op.js";
import type { Result } from "../../solver/types.js";
import type { BuildEnvironment } from "../environment.js";
import { secretContent } from "../secret-content.js";
import type { StepMount } from "../tasks.js";

export interface StepMounts extends AsyncDisposable {
  readonly mounts: readonly StepMount[];
  /** Secrets that are variables: `NAME=value`. */
  readonly env: readonly string[];
  /** Chains of inputs other than the root. */
  readonly inputChains: readonly Chain[];
}

interface Work {
  readonly env: BuildEnvironment;
  readonly vertex: Vertex;
  readonly inputs: readonly Result[];
  readonly signal: AbortSignal;
  readonly stack: CleanupStack;
}

/** Locks cache mounts and reads secrets; disposing gives the locks back. */
export async function prepareMounts(
  env: BuildEnvironment,
  vertex: Vertex,
  op: ExecOp,
  inputs: readonly Result[],
  signal: AbortSignal,
): Promise<StepMounts> {
  await using stack = new CleanupStack();
  const work: Work = { env, vertex, inputs, signal, stack };
  const mounts: StepMount[] = [];
  const variables: string[] = [];
  // One after the other, in a fixed order: two steps that want the same two locked caches must not wait for each other.
  for (const mount of inLockOrder(op.mounts)) {
    if (mount.type === "secret" && mount.env !== undefined) {
      const content = readSecret(env, mount);
      if (content !== undefined) variables.push(`${mount.env}=${content.toString("utf8")}`);
    }
    const made = await stepMount(work, mount);
    if (made !== undefined) mounts.push(made);
  }
  const order = new Map(op.mounts.map((mount, index) => [targetOf(mount), index]));
  mounts.sort((a, b) => (order.get(a.target) ?? 0) - (order.get(b.target) ?? 0));
  const held = stack.move();
  return {
    mounts,
    env: variables,
    inputChains: inputs.slice(1).map((input) => input.chain),
    [Symbol.asyncDispose]: () => held[Symbol.asyncDispose](),
  };
}

function targetOf(mount: ExecMount): string {
  return mount.target ?? "";
}

function inLockOrder(mounts: readonly ExecMount[]): readonly ExecMount[] {
  const rank = (mount: ExecMount): string => (mount.type === "cache" ? mount.id : "");
  return mounts.toSorted((a, b) => (rank(a) < rank(b) ? -1 : rank(a) > rank(b) ? 1 : 0));
}

async function stepMount(work: Work, mount: ExecMount): Promise<StepMount | undefined> {
  switch (mount.type) {
    case "bind": {
      const { source, target, writable } = mount;
      const input = work.vertex.inputs[mount.input];
      if (input?.op.kind === "source" && input.op.type === "local") {
        return { type: "context", dir: work.env.contexts.folder(input.op.name), exclude: input.op.exclude, source, target, writable };
      }
      return {
        type: "layers",
        lowers: await work.env.store.snapshots.lowers(work.inputs[mount.input]?.chain ?? []),
        source,
        target,
        writable,
      };
    }
    case "cache":
      return { type: "cache", dir: await cacheFolder(work, mount), target: mount.target, readonly: mount.readonly };
    case "tmpfs":
      return { type: "tmpfs", target: mount.target, sizeBytes: mount.sizeBytes };
    case "secret": {
      if (mount.target === undefined) return undefined;
      const content = readSecret(work.env, mount);
      if (content === undefined) return undefined;
      return { type: "secret", target: mount.target, content, mode: mount.mode, uid: mount.uid, gid: mount.gid };
    }
    case "ssh":
      return sshMount(work, mount);
    default:
      return unreachable(mount);
  }
}

/** Undefined when no agent was given and none need be. */
async function sshMount({ env, stack }: Work, { id, target, required, mode, uid, gid }: SshMount): Promise<StepMount | undefined> {
  const socket = await env.agents.relay({ id, mode, uid, gid });
  if (socket !== undefined) return { type: "socket", path: stack.use(socket).path, target };
  if (!required) return undefined;
  throw new TsbuildError("SSH_MISSING", `RUN --mount=type=ssh,required needs the ssh agent "${id}", which was not given`, {
    hint: `pass it with --ssh ${id === "default" ? id : `${id}=SOCKET`}, or a key with --ssh ${id}=FILE`,
  });
}

/** The folder of a cache mount. The id is only ever hashed: it is not a path. */
async function cacheFolder(work: Work, mount: CacheMount): Promise<string> {
  const { store } = work.env;
  for (let instance = 0; ; instance++) {
    const name = createHash("sha256").update(`${mount.id}\0${instance}`).digest("hex").slice(0, 32);
    if (mount.sharing === "locked") {
      work.stack.use(await store.locks.acquire(`mount/${name}`, { signal: work.signal }));
    } else if (mount.sharing === "private") {
      const lock = await store.locks.tryAcquire(`mount/${name}`);
      if (lock === undefined) continue;
      work.stack.use(lock);
    }
    const dir = store.path("mounts", name, "fs");
    if (!existsSync(dir)) await createCache(work, mount, dir);
    return dir;
  }
}

/** Appears whole or not at all: neither a killed build nor a step beside this one may leave or see half of it. */
async function createCache(work: Work, mount: CacheMount, dir: string): Promise<void> {
  const { store } = work.env;
  await using scratch = await store.tempDir();
  const made = join(scratch.path, "fs");
  mkdirSync(made);
  if (mount.from !== undefined) {
    const lowers = await store.snapshots.lowers(work.inputs[mount.from.input]?.chain ?? []);
    await work.env.pools.run(
      {
        type: "copy-out",
        parts: [{ folder: "", lowers, source: mount.from.source }],
        scratchDir: scratch.path,
        dest: { type: "local", path: made },
      },
      { signal: work.signal },
    );
  }
  chownSync(made, mount.uid, mount.gid);
  chmodSync(made, mount.mode);
  mkdirSync(dirname(dir), { recursive: true, mode: 0o700 });
  // False: another step was faster, and its folder is as good.
  store.kernel.renameNoReplace(made, dir);
}

/** Undefined when it was not given and need not be. */
function readSecret(env: BuildEnvironment, mount: SecretMount): Buffer | undefined {
  const source = env.secrets.get(mount.id);
  const content = source === undefined ? undefined : secretContent(mount.id, source);
  if (content === undefined && mount.required) {
    throw new TsbuildError("SECRET_MISSING", `the secret "${mount.id}" is required but was not given: secret ${mount.id}: not found`, {
      hint: `pass it with --secret id=${mount.id},src=FILE or --secret id=${mount.id},env=NAME`,
    });
  }
  return content;
}
