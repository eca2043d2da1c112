/** The layout of an encoded file list: what `file-list.ts` reads and writes. All numbers are little-endian. */
import type { FileEntry } from "../types.js";

/**
 * ```
 *  0  magic "TSBFILES"        8  version u32          12 entry count u32
 * 16  bytes of extras u32     20 bytes of digests u32 24 bytes of text u32
 * 28  text encoding u32: 0 latin1, 1 UTF-16           32 sha256 of all that follows, and of the 32 bytes before
 * 64  records: RECORD_BYTES each; extras: u32 each; digests: 32 bytes each; text
 * ```
 * Extras are, per entry and only as its flags say: target length; device major, minor; count of xattrs and for
 * each its name's and its value's length. Text holds, per entry, path, target, names and values, without separators;
 * lengths count UTF-16 units. (UTF-16 keeps lone surrogates, which UTF-8 can't.)
 */
export const LAYOUT = {
  magic: "TSBFILES",
  version: 1,
  headerBytes: 64,
  checksumAt: 32,
  recordBytes: 32,
} as const;

/** Offsets in a record. Size is a float64: exact up to 2^53. */
export const RECORD = { type: 0, flags: 1, mode: 2, uid: 4, gid: 8, pathLength: 12, size: 16, mtime: 24 } as const;

export const FLAG = { digest: 1, target: 2, device: 4, xattrs: 8, opaque: 16 } as const;

/** The index is the number on disk: append only. */
export const TYPES: readonly FileEntry["type"][] = ["file", "dir", "symlink", "hardlink", "char", "block", "fifo", "socket", "whiteout"];
