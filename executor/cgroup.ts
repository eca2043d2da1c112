/**
 * The cgroup of a process. Layout: `PARENT/ID/c` holds the process and is made and removed by the runtime; `PARENT/ID` is
 * ours, and outlives it so that the counters can be read:
 * version 2 adds a child's kills to its parent's memory.events; version 1 doesn't, so `c` itself is kept there, see `pinMemory`.
 */
import { mkdirSync, readFileSync, rmdirSync } from "node:fs";
import { join, posix } from "node:path";
import { CleanupStack } from "../base/cleanup.js";
import { TsbuildError, isErrno } from "../base/errors.js";
import type { Kernel } from "../sys/types.js";
import { removeCgroup, tryKillCgroup } from "./cgroup-removal.js";
import { CGROUP_ROOT, isCgroup2, readCgroupFacts } from "./host.js";
import { isPrivateMountNamespace } from "./mount-namespace.js";

export const DEFAULT_CGROUP_PARENT = "/tsbuild";
const LEAF = "c";

export interface ProcessCgroup extends AsyncDisposable {
  /** For config.json. */
  readonly cgroupsPath: string;
  /** For `removeCgroup`, also by a later process. */
  readonly name: string;
  /** How many processes the kernel has killed for want of memory; after the end too, until disposal. */
  oomKills(): number;
  /** The most memory that was used at one time; unset where the kernel doesn't say. */
  peakMemoryBytes(): number | undefined;
  /** SIGKILL to every member, without waiting. */
  kill(): void;
}

export interface CgroupRequest {
  readonly id: string;
  /** Absolute in the cgroup tree. */
  readonly parent?: string | undefined;
  readonly stateDir: string;
}

/** `/tsbuild/ID`, for `removeCgroup`. @throws {TsbuildError} CGROUP_PARENT_INVALID */
export function cgroupName(id: string, parent: string = DEFAULT_CGROUP_PARENT): string {
  if (!parent.startsWith("/") || posix.normalize(parent) !== parent || parent.includes("\0")) {
    throw new TsbuildError("CGROUP_PARENT_INVALID", `"${parent}" is not a cgroup parent`, {
      hint: "give an absolute path in the cgroup tree, such as /builds",
    });
  }
  return posix.join(parent, id);
}

export function openCgroup(kernel: Kernel, request: CgroupRequest): ProcessCgroup {
  const name = cgroupName(request.id, request.parent);
  const undo = new CleanupStack();
  undo.defer(() => removeCgroup(name));
  const isUnified = readCgroupFacts().mode === "unified";
  const counters = isUnified ? join(CGROUP_ROOT, name) : pinMemory(kernel, { name, stateDir: request.stateDir, undo });
  return {
    cgroupsPath: posix.join(name, LEAF),
    name,
    oomKills: () =>
      counters === undefined ? 0 : readCounter(join(counters, isUnified ? "memory.events" : "memory.oom_control"), "oom_kill"),
    peakMemoryBytes: () =>
      counters === undefined ? undefined : readNumber(join(counters, isUnified ? "memory.peak" : "memory.max_usage_in_bytes")),
    kill: () => {
      tryKillCgroup(name);
    },
    [Symbol.asyncDispose]: () => undo[Symbol.asyncDispose](),
  };
}

/**
 * Keeps `PARENT/ID/c` of the memory hierarchy from being removed by the runtime, and returns a path to it.
 * Its parent is covered by a read-only view of itself, with a writable view of `c` on top: the runtime can join and set
 * limits, but its rmdir fails with EROFS. (EBUSY, from a mount point alone, makes crun retry for five seconds.)
 */
function pinMemory(
  kernel: Kernel,
  { name, stateDir, undo }: { readonly name: string; readonly stateDir: string; readonly undo: CleanupStack },
): string | undefined {
  const group = join(CGROUP_ROOT, "memory", name);
  if (readNumber(join(CGROUP_ROOT, "memory/memory.usage_in_bytes")) === undefined) return undefined;
  mkdirSync(join(group, LEAF), { recursive: true });
  const alias = join(stateDir, "memory");
  mkdirSync(alias, { recursive: true });
  undo.defer(() => rmdirSync(alias));
  bindUntil(kernel, { source: group, target: alias, readonly: false, undo });
  bindUntil(kernel, { source: group, target: group, readonly: true, undo });
  bindUntil(kernel, { source: join(alias, LEAF), target: join(group, LEAF), readonly: false, undo });
  return join(alias, LEAF);
}

function bindUntil(
  kernel: Kernel,
  bind: { readonly source: string; readonly target: string; readonly readonly: boolean; readonly undo: CleanupStack },
): void {
  kernel.bind(bind.source, bind.target, { readonly: bind.readonly, recursive: false });
  bind.undo.defer(() => kernel.umount(bind.target, { detach: true }));
}

/**
 * crun refuses to work where both cgroup versions are mounted. Covers version 2, which has no controllers there, in this
 * process's private view; by a tmpfs, since crun makes folders there that should vanish with the view.
 * @throws {TsbuildError} CGROUP_HYBRID outside a private mount namespace
 */
export function leaveHybridMode(kernel: Kernel): void {
  const unified = join(CGROUP_ROOT, "unified");
  if (isCgroup2(CGROUP_ROOT) || !isCgroup2(unified)) return;
  if (!isPrivateMountNamespace()) {
    throw new TsbuildError("CGROUP_HYBRID", "crun doesn't work where cgroup versions 1 and 2 are both mounted", {
      hint: "start tsbuild by its launcher, which makes a private view, or set TSBUILD_RUNTIME=runc",
    });
  }
  kernel.mount("tmpfs", unified, "tmpfs", ["nosuid", "nodev", "noexec"], "mode=755,size=1m");
}

/** The number behind `key` in a file of `key value` lines; 0 when there is none. */
function readCounter(path: string, key: string): number {
  const line = readText(path)
    ?.split("\n")
    .find((candidate) => candidate.startsWith(`${key} `));
  return line === undefined ? 0 : Number(line.slice(key.length + 1));
}

function readNumber(path: string): number | undefined {
  const text = readText(path);
  return text === undefined ? undefined : Number(text);
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "latin1");
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENODEV", "EOPNOTSUPP", "ENOTSUP")) return undefined;
    throw error;
  }
}
