import { accessSync, constants, existsSync, readFileSync, statfsSync } from "node:fs";
import { release } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { isErrno } from "../../base/errors.js";

/** What the machine is like, as far as tsbuild cares. */
export interface MachineFacts {
  readonly nodeVersion: string;
  readonly kernelRelease: string;
  readonly isRoot: boolean;
  /** Text of /proc/self/status. */
  readonly processStatus: string;
  /** Text of /proc/filesystems. */
  readonly filesystems: string;
  /** Where programs are, by name; those that are missing aren't in it. */
  readonly programs: ReadonlyMap<string, string>;
  readonly cgroup: "v2" | "v1" | "hybrid" | "none";
  readonly root: string;
  /** Of the filesystem that the store is or would be on. */
  readonly freeBytes: number;
}

export const PROGRAMS = ["crun", "runc", "conmon", "ip", "nft", "unshare", "setpriv"] as const;

export function gatherFacts(root: string, path: string | undefined): MachineFacts {
  const programs = new Map<string, string>();
  for (const name of PROGRAMS) {
    const found = findProgram(name, path ?? "");
    if (found !== undefined) programs.set(name, found);
  }
  return {
    nodeVersion: process.versions.node,
    kernelRelease: release(),
    isRoot: process.geteuid?.() === 0,
    processStatus: readFileSync("/proc/self/status", "latin1"),
    filesystems: readFileSync("/proc/filesystems", "latin1"),
    programs,
    cgroup: cgroupKind(),
    root,
    freeBytes: freeBytes(root),
  };
}

function findProgram(name: string, path: string): string | undefined {
  const folders = [...path.split(delimiter), "/usr/sbin", "/sbin"].filter((folder) => folder.startsWith("/"));
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch (error) {
    if (isErrno(error, "ENOENT", "EACCES", "ENOTDIR", "ELOOP")) return false;
    throw error;
  }
}

function cgroupKind(): MachineFacts["cgroup"] {
  if (existsSync("/sys/fs/cgroup/cgroup.controllers")) return "v2";
  if (existsSync("/sys/fs/cgroup/unified/cgroup.controllers")) return "hybrid";
  return existsSync("/sys/fs/cgroup/memory") ? "v1" : "none";
}

/** The store need not exist yet: then of the nearest folder above it. */
function freeBytes(root: string): number {
  let folder = root;
  while (!existsSync(folder) && folder !== "/") folder = dirname(folder);
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize;
}
