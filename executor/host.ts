/** What `ociSpec` has to know about the machine, read once per process start. */
import { readFileSync, statfsSync } from "node:fs";
import { hostPlatform } from "../base/platform.js";
import { isErrno } from "../base/errors.js";
import { capabilitiesOfMask } from "./capabilities.js";

export interface HostFacts {
  /** OCI's word: `amd64`. */
  readonly architecture: string;
  readonly cgroup: CgroupFacts;
  /** By the name of the ulimit; -1 is unlimited. */
  readonly hardLimits: ReadonlyMap<string, number>;
  readonly boundingCapabilities: readonly string[];
  /** True when a bind can be made read-only with all that is mounted below it (Linux 5.12). */
  readonly hasRecursiveReadonly: boolean;
}

export interface CgroupFacts {
  /** `hybrid`: version 1 with a version 2 tree beside it that has no controllers. */
  readonly mode: "unified" | "legacy" | "hybrid";
  /** Names as in /proc/cgroups: memory, cpu, cpuset, pids … */
  readonly controllers: readonly string[];
  /** The kernel can limit swap. */
  readonly hasSwapLimit: boolean;
}

export const CGROUP_ROOT = "/sys/fs/cgroup";
/** linux/magic.h */
const CGROUP2_SUPER_MAGIC = 0x63677270;

export function readHostFacts(): HostFacts {
  const status = readFileSync("/proc/self/status", "latin1");
  const release = readFileSync("/proc/sys/kernel/osrelease", "latin1");
  return {
    architecture: hostPlatform().architecture,
    cgroup: readCgroupFacts(),
    hardLimits: parseLimits(readFileSync("/proc/self/limits", "latin1")),
    boundingCapabilities: capabilitiesOfMask(/^CapBnd:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? "0"),
    hasRecursiveReadonly: isKernelAtLeast(release, 5, 12),
  };
}

export function readCgroupFacts(): CgroupFacts {
  const mode = cgroupMode();
  if (mode === "unified") {
    const controllers = readFileSync(`${CGROUP_ROOT}/cgroup.controllers`, "latin1").trim().split(/\s+/);
    // The root group has no memory.swap.max of its own; the kernel's list of swap areas tells that swap is built in.
    return { mode, controllers, hasSwapLimit: controllers.includes("memory") && exists("/proc/swaps") };
  }
  const controllers = [...new Set(parseOwnCgroups(readFileSync("/proc/self/cgroup", "latin1")).flatMap((entry) => entry.controllers))];
  return { mode, controllers, hasSwapLimit: exists(`${CGROUP_ROOT}/memory/memory.memsw.limit_in_bytes`) };
}

function cgroupMode(): CgroupFacts["mode"] {
  if (isCgroup2(CGROUP_ROOT)) return "unified";
  return isCgroup2(`${CGROUP_ROOT}/unified`) ? "hybrid" : "legacy";
}

/** False for a path that doesn't exist. */
export function isCgroup2(path: string): boolean {
  try {
    return statfsSync(path).type === CGROUP2_SUPER_MAGIC;
  } catch (error) {
    if (isErrno(error, "ENOENT")) return false;
    throw error;
  }
}

/** Lines of /proc/PID/cgroup that name version 1 controllers. */
export function parseOwnCgroups(text: string): readonly { readonly controllers: readonly string[]; readonly path: string }[] {
  return text.split("\n").flatMap((line) => {
    const [, names, ...path] = line.split(":");
    if (names === undefined || names === "" || names.startsWith("name=")) return [];
    return [{ controllers: names.split(","), path: path.join(":") }];
  });
}

/** The names that `ulimit` and Docker use, by the kernel's words in /proc/PID/limits (fs/proc/base.c). */
const LIMIT_NAMES: Readonly<Record<string, string>> = {
  "Max cpu time": "cpu",
  "Max file size": "fsize",
  "Max data size": "data",
  "Max stack size": "stack",
  "Max core file size": "core",
  "Max resident set": "rss",
  "Max processes": "nproc",
  "Max open files": "nofile",
  "Max locked memory": "memlock",
  "Max address space": "as",
  "Max file locks": "locks",
  "Max pending signals": "sigpending",
  "Max msgqueue size": "msgqueue",
  "Max nice priority": "nice",
  "Max realtime priority": "rtprio",
  "Max realtime timeout": "rttime",
};

/** Hard limits by name. */
export function parseLimits(text: string): ReadonlyMap<string, number> {
  const limits = new Map<string, number>();
  for (const line of text.split("\n")) {
    const match = /^(Max [a-z ]+?)\s{2,}(\S+)\s+(\S+)/.exec(line);
    const name = match?.[1] === undefined ? undefined : LIMIT_NAMES[match[1]];
    if (name !== undefined) limits.set(name, match?.[3] === "unlimited" ? -1 : Number(match?.[3]));
  }
  return limits;
}

export function isKernelAtLeast(release: string, major: number, minor: number): boolean {
  const [hasMajor = 0, hasMinor = 0] = release.split(/[.-]/).map(Number);
  return hasMajor > major || (hasMajor === major && hasMinor >= minor);
}

function exists(path: string): boolean {
  return statfsOrUndefined(path) !== undefined;
}

function statfsOrUndefined(path: string): unknown {
  try {
    return statfsSync(path);
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR")) return undefined;
    throw error;
  }
}
