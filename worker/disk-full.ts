/** What a full disk is told as: which one, and how much is free now that the failed work is cleared away. */
import { statfsSync } from "node:fs";
import { TsbuildError, isErrno, messageOf } from "../base/errors.js";

/** Below this many free inodes it is they that have run out. */
const FEW_INODES = 1000;

/** The error with the store's free space, when it says that a disk is full; any other as it is. `storePath` lies in the store. */
export function explainFullDisk(error: unknown, storePath: string): unknown {
  if (!isErrno(error, "ENOSPC", "EDQUOT")) return error;
  const { bavail, bsize, ffree, files } = statfsSync(storePath);
  const free =
    files > 0 && ffree < FEW_INODES
      ? `${ffree} inodes (room for that many files) are free`
      : `${Math.floor((bavail * bsize) / 1e6)} MB are free`;
  return new TsbuildError(
    "DISK_FULL",
    `the disk is full: ${messageOf(error)}; on that of the store, ${storePath}, ${free} after cleaning up`,
    {
      hint: "make room, with `tsbuild prune` for example, or choose another store with --root",
      cause: error,
    },
  );
}
