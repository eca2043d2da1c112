/**
 * Mounting over a path that the root doesn't have makes it there, empty. These stubs are ours, not the step's, and have to
 * go again: by descriptors beneath the root, since the process may have put links in their place (CVE-2024-23652).
 */
import { closeSync, constants, fstatSync, lstatSync, openSync, rmdirSync, unlinkSync, utimesSync } from "node:fs";
import { posix } from "node:path";
import { isErrno } from "../base/errors.js";
import type { Kernel } from "../sys/types.js";

/** What was missing before: `name` in the folder `parent`, which was there and had this mtime. Outermost first. */
interface Stub {
  readonly parent: string;
  readonly names: readonly string[];
  readonly parentTimesMs: { readonly atime: number; readonly mtime: number };
}

export interface MountStubs {
  /** Removes what is still empty, innermost first, and gives the folder around it its old times. */
  remove(): void;
}

const FOLDER = constants.O_RDONLY | constants.O_DIRECTORY;

/** To be called before the mounts are made; `targets` are absolute in the root. */
export function recordMountStubs(kernel: Kernel, rootfs: string, targets: readonly string[]): MountStubs {
  const rootFd = openSync(rootfs, FOLDER);
  try {
    const stubs = targets.flatMap((target) => missingPart(kernel, rootFd, target));
    return { remove: () => removeStubs(kernel, rootfs, stubs) };
  } finally {
    closeSync(rootFd);
  }
}

function missingPart(kernel: Kernel, rootFd: number, target: string): readonly Stub[] {
  const names = posix
    .normalize(posix.join("/", target))
    .split("/")
    .filter((name) => name !== "");
  for (let count = names.length; count > 0; count--) {
    if (count === names.length && exists(kernel, rootFd, names)) return [];
    const parent = `/${names.slice(0, count - 1).join("/")}`;
    const fd = openFolder(kernel, rootFd, parent);
    if (fd === undefined) continue;
    try {
      const stat = fstatSync(fd);
      return [{ parent, names: names.slice(count - 1), parentTimesMs: { atime: stat.atimeMs, mtime: stat.mtimeMs } }];
    } finally {
      closeSync(fd);
    }
  }
  return [];
}

function exists(kernel: Kernel, rootFd: number, names: readonly string[]): boolean {
  const parentFd = openFolder(kernel, rootFd, `/${names.slice(0, -1).join("/")}`);
  if (parentFd === undefined) return false;
  try {
    // lstat through the descriptor: a dangling link is there too, and the runtime mounts where it leads.
    return lstatSync(`/proc/self/fd/${parentFd}/${names.at(-1) ?? ""}`, { throwIfNoEntry: false }) !== undefined;
  } finally {
    closeSync(parentFd);
  }
}

function removeStubs(kernel: Kernel, rootfs: string, stubs: readonly Stub[]): void {
  const rootFd = openSync(rootfs, FOLDER);
  try {
    for (const stub of [...stubs].reverse()) removeStub(kernel, rootFd, stub);
  } finally {
    closeSync(rootFd);
  }
}

function removeStub(kernel: Kernel, rootFd: number, stub: Stub): void {
  let isAllGone = true;
  for (let count = stub.names.length; count > 0; count--) {
    const folder = openFolder(kernel, rootFd, posix.join(stub.parent, ...stub.names.slice(0, count - 1)));
    if (folder === undefined) continue;
    try {
      isAllGone = removeEmpty(`/proc/self/fd/${folder}/${stub.names[count - 1] ?? ""}`);
      if (isAllGone && count === 1) utimesSync(`/proc/self/fd/${folder}`, stub.parentTimesMs.atime / 1000, stub.parentTimesMs.mtime / 1000);
    } finally {
      closeSync(folder);
    }
    if (!isAllGone) return;
  }
}

/** True when nothing is there afterwards. */
function removeEmpty(path: string): boolean {
  try {
    const stat = lstatSync(path);
    if (stat.isDirectory()) rmdirSync(path);
    else if (stat.isFile() && stat.size === 0) unlinkSync(path);
    else return false;
    return true;
  } catch (error) {
    if (isErrno(error, "ENOENT")) return true;
    if (isErrno(error, "ENOTEMPTY", "EEXIST", "EBUSY")) return false;
    throw error;
  }
}

function openFolder(kernel: Kernel, rootFd: number, path: string): number | undefined {
  try {
    return kernel.openAt(rootFd, path, { flags: FOLDER, resolve: "in-root" });
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR", "ELOOP")) return undefined;
    throw error;
  }
}
