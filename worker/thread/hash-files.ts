/** Hashes files of a folder. A file that can't be read as expected has no digest: the caller reads it again and says why. */
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { createHash } from "node:crypto";
import { type Digest, digestFromHex } from "../../base/digest.js";
import { isErrno } from "../../base/errors.js";
import { loadKernel } from "../../sys/kernel.js";
import type { HashFilesTask, HashedFile } from "../tasks.js";

const CHUNK_BYTES = 1024 * 1024;

export function hashFiles(task: HashFilesTask): readonly HashedFile[] {
  const kernel = loadKernel();
  const root = openSync(task.root, constants.O_RDONLY | constants.O_DIRECTORY);
  const buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  const open = (path: string): number =>
    kernel.openAt(root, path, { flags: constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW, resolve: "no-links" });
  try {
    return task.files.map(({ path, size }) => ({ digest: hashFile(() => open(path), size, buffer) }));
  } finally {
    closeSync(root);
  }
}

function hashFile(open: () => number, size: number, buffer: Buffer): Digest | undefined {
  let fd: number;
  try {
    fd = open();
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR", "ELOOP", "EACCES", "ENXIO")) return undefined;
    throw error;
  }
  try {
    const before = fstatSync(fd, { bigint: true });
    if (!before.isFile() || Number(before.size) !== size) return undefined;
    const digest = hashBytes(fd, size, buffer);
    const after = fstatSync(fd, { bigint: true });
    return before.mtimeNs === after.mtimeNs && before.ctimeNs === after.ctimeNs ? digest : undefined;
  } finally {
    closeSync(fd);
  }
}

function hashBytes(fd: number, size: number, buffer: Buffer): Digest | undefined {
  const hash = createHash("sha256");
  for (let at = 0; at < size;) {
    const length = readSync(fd, buffer, 0, Math.min(buffer.length, size - at), at);
    if (length === 0) return undefined;
    hash.update(buffer.subarray(0, length));
    at += length;
  }
  return digestFromHex(hash.digest("hex"));
}
