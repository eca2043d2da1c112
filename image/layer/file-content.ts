import { createHash, hash } from "node:crypto";
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import type { BigIntStats } from "node:fs";
import type { Digest } from "../../base/digest.js";
import { digestFromHex, sha256Digest } from "../../base/digest.js";
import { TsbuildError, isErrno } from "../../base/errors.js";

const READ_FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOCTTY;
const BUFFER_BYTES = 1 << 18;

export const EMPTY_DIGEST: Digest = sha256Digest("");

/** Something in a tree is not what it was a moment ago. */
export function treeChanged(path: string, cause?: unknown): TsbuildError {
  return new TsbuildError("TREE_CHANGED", `"${path}" changed while it was read`, { hint: "build again when nothing writes to it", cause });
}

/** A failure that can only mean that the tree changed under us, as TREE_CHANGED; anything else as it is. */
export function asTreeChange(error: unknown, path: string): unknown {
  return isErrno(error, "ENOENT", "ENOTDIR", "ELOOP", "ENXIO", "EAGAIN") ? treeChanged(path, error) : error;
}

/** Opens a regular file that lstat has just seen; never follows a link, never blocks on a pipe. */
export function openRegular(path: string | Buffer, name: string): number {
  try {
    return openSync(path, READ_FLAGS);
  } catch (error) {
    throw asTreeChange(error, name);
  }
}

/** Fills `target` from the file's next bytes. @throws {TsbuildError} TREE_CHANGED when there are fewer */
export function readFully(fd: number, target: Buffer, name: string): void {
  for (let filled = 0; filled < target.length;) {
    const count = readSync(fd, target, filled, target.length - filled, null);
    if (count === 0) throw treeChanged(name);
    filled += count;
  }
}

/** @throws {TsbuildError} TREE_CHANGED unless the open file is still what `stat` described */
export function checkUnchanged(fd: number, stat: BigIntStats, name: string): void {
  const now = fstatSync(fd, { bigint: true });
  if (
    now.ino !== stat.ino ||
    now.dev !== stat.dev ||
    now.size !== stat.size ||
    now.mtimeNs !== stat.mtimeNs ||
    now.ctimeNs !== stat.ctimeNs
  )
    throw treeChanged(name);
}

/** Hashes files through one buffer. */
export class FileHasher {
  readonly #buffer: Buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES);

  /** The SHA-256 of the file that `stat` describes. @throws {TsbuildError} TREE_CHANGED */
  digest(path: string | Buffer, name: string, stat: BigIntStats): Digest {
    if (stat.size === 0n) return EMPTY_DIGEST;
    const fd = openRegular(path, name);
    try {
      const digest = this.#read(fd, Number(stat.size), name);
      checkUnchanged(fd, stat, name);
      return digest;
    } finally {
      closeSync(fd);
    }
  }

  #read(fd: number, size: number, name: string): Digest {
    if (size <= BUFFER_BYTES) {
      const content = this.#buffer.subarray(0, size);
      readFully(fd, content, name);
      return digestFromHex(hash("sha256", content, "hex"));
    }
    const state = createHash("sha256");
    for (let left = size; left > 0; left -= BUFFER_BYTES) {
      const part = this.#buffer.subarray(0, Math.min(left, BUFFER_BYTES));
      readFully(fd, part, name);
      state.update(part);
    }
    return digestFromHex(state.digest("hex"));
  }
}
