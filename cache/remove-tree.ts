/** Removes a tree that hostile code may have filled: any names, any depth, things still mounted below it. */
import type { Dirent } from "node:fs";
import { readFileSync, readdirSync, renameSync, rmdirSync, unlinkSync } from "node:fs";
import { isErrno } from "../base/errors.js";
import type { Kernel } from "../sys/types.js";

/** Beyond this a path is shortened, long before PATH_MAX (4096) makes it unusable. */
const LONG_PATH = 2048;
const SLASH = Buffer.from("/");

/** No error when it is missing. Whatever is still mounted below is detached first: to empty a bind mount would be a disaster. */
export function removeTree(kernel: Kernel, path: string): void {
  detachMounts(kernel, path);
  try {
    emptyFolder(Buffer.from(path));
    rmdirSync(path);
  } catch (error) {
    if (isErrno(error, "ENOENT")) return;
    if (!isErrno(error, "ENOTDIR")) throw error;
    unlinkSync(path);
  }
}

function emptyFolder(top: Buffer): void {
  // Folders in the order in which they were found: removed backwards, each is empty when its turn comes.
  const folders: Buffer[] = [top];
  let shortened = 0;
  for (let index = 0; index < folders.length; index++) {
    const folder = folders[index] ?? top;
    for (const entry of list(folder)) {
      const path = Buffer.concat([folder, SLASH, entry.name]);
      if (!entry.isDirectory()) unlinkSync(path);
      else if (path.length < LONG_PATH) folders.push(path);
      else folders.push(moveUp(path, top, shortened++));
    }
  }
  for (const folder of folders.slice(1).reverse()) rmdirSync(folder);
}

function list(folder: Buffer): Dirent<Buffer>[] {
  return readdirSync(folder, { withFileTypes: true, encoding: "buffer" });
}

function moveUp(path: Buffer, top: Buffer, number: number): Buffer {
  const short = Buffer.concat([top, Buffer.from(`/.removed-${process.pid}-${number}`)]);
  renameSync(path, short);
  return short;
}

/** Detaches every mount at or below `path` that this mount namespace has, the last made first. */
export function detachMounts(kernel: Kernel, path: string): void {
  for (const mount of mountsBelow(readFileSync("/proc/self/mountinfo", "latin1"), path).reverse()) kernel.umount(mount, { detach: true });
}

/** Mount points of mountinfo (proc_pid_mountinfo(5), field 5, octal escapes) at or below `path`, in the order in which they were made. */
export function mountsBelow(mountinfo: string, path: string): string[] {
  return mountinfo
    .split("\n")
    .map((line) =>
      (line.split(" ")[4] ?? "").replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8))),
    )
    .map((point) => Buffer.from(point, "latin1").toString("utf8"))
    .filter((point) => point === path || point.startsWith(`${path}/`));
}
