/** RUN --mount: what has to be there before the process starts, and what goes when it has ended. */
import { createHash } from "node:crypto";
import { chmodSync, chownSync, existsSync, mkdirSync, openSync, readSync, closeSync, fstatSync, constants } from "node:fs";
import { CleanupStack } from "../../base/cleanup.js";
import { TsbuildError, isErrno } from "../../base/errors.js";
import { unreachable } from "../../base/unreachable.js";
import type { Chain } from "../../cache/types.js";
import type { Vertex } from "../../llb/graph.js";
import type { CacheMount, ExecMount, ExecOp, SecretMount } from "../../llb/op.js";
import type { Result } from "../../solver/types.js";
import type { BuildEnvironment } from "../environment.js";
import type { StepMount } from "../tasks.js";
import type { SecretSource } from "../types.js";

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
      return { type: "layers", lowers: await work.env.store.snapshots.lowers(work.inputs[mount.input]?.chain ?? []), source, target, writable };
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
      if (!mount.required) return undefined;
      throw new TsbuildError("SSH_UNSUPPORTED", "RUN --mount=type=ssh,required needs an agent, and forwarding one is not supported", {
        hint: "give the key as a secret instead: RUN --mount=type=secret",
      });
    default:
      return unreachable(mount);
  }
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

async function createCache(work: Work, mount: CacheMount, dir: string): Promise<void> {
  mkdirSync(dir, { recursive: true });
  if (mount.from !== undefined) {
    await using scratch = await work.env.store.tempDir();
    const lowers = await work.env.store.snapshots.lowers(work.inputs[mount.from.input]?.chain ?? []);
    await work.env.pools.run(
      { type: "copy-out", parts: [{ folder: "", lowers, source: mount.from.source }], scratchDir: scratch.path, dest: { type: "local", path: dir } },
      { signal: work.signal },
    );
  }
  chownSync(dir, mount.uid, mount.gid);
  chmodSync(dir, mount.mode);
}

const MAX_SECRET_BYTES = 500 * 1024;

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

/**
 * Undefined for a variable that isn't set. Regular files only, and not without end: a FIFO would block the build.
 * @throws {TsbuildError} SECRET_UNREADABLE, SECRET_TOO_BIG
 */
export function secretContent(id: string, source: SecretSource): Buffer | undefined {
  if (source.type === "env") {
    const value = process.env[source.name];
    return value === undefined ? undefined : Buffer.from(value);
  }
  let fd: number;
  try {
    fd = openSync(source.path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (!isErrno(error, "ENOENT", "EACCES", "ENOTDIR")) throw error;
    throw new TsbuildError("SECRET_UNREADABLE", `the file of secret "${id}" can't be read: ${source.path}`, { cause: error });
  }
  try {
    const facts = fstatSync(fd);
    if (!facts.isFile()) throw new TsbuildError("SECRET_UNREADABLE", `the secret "${id}" is not a regular file: ${source.path}`);
    if (facts.size > MAX_SECRET_BYTES) {
      throw new TsbuildError("SECRET_TOO_BIG", `the secret "${id}" has ${facts.size} bytes; at most ${MAX_SECRET_BYTES} are allowed`);
    }
    const content = Buffer.alloc(facts.size);
    const length = readSync(fd, content);
    return content.subarray(0, length);
  } finally {
    closeSync(fd);
  }
}
