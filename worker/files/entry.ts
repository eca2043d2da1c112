/** What a source tree says about one of its files. */
import type { BigIntStats } from "node:fs";
import type { Digest } from "../../base/digest.js";

export type EntryType = "file" | "dir" | "symlink" | "char" | "block" | "fifo" | "socket";

export interface Entry {
  readonly type: EntryType;
  /** Permission bits with setuid, setgid and sticky: 0…07777. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes of a file; 0 for all else. */
  readonly size: number;
  readonly mtimeNs: bigint;
  /** Of a symlink, as it stands. */
  readonly target?: string | undefined;
  /** Those that count: name to value in base64, names in byte order. */
  readonly xattrs?: Readonly<Record<string, string>> | undefined;
  readonly devMajor?: number | undefined;
  readonly devMinor?: number | undefined;
  /** Equal for files of one view that are one inode; unset when the file has a single name. */
  readonly linkId?: string | undefined;
  /** Of a file, when it is known without reading it. */
  readonly digest?: Digest | undefined;
  /** Unset when the view isn't a folder on disk. */
  readonly stat?: BigIntStats | undefined;
}

const S_IFMT = 0o170000n;

/** inode(7), "The file type and mode". */
const TYPES: ReadonlyMap<bigint, EntryType> = new Map<bigint, EntryType>([
  [0o100000n, "file"],
  [0o040000n, "dir"],
  [0o120000n, "symlink"],
  [0o020000n, "char"],
  [0o060000n, "block"],
  [0o010000n, "fifo"],
  [0o140000n, "socket"],
]);

export interface LinkFacts {
  readonly target?: string | undefined;
  readonly xattrs?: Readonly<Record<string, string>> | undefined;
}

/** The entry that a stat describes. */
export function entryOf(stat: BigIntStats, facts: LinkFacts = {}): Entry {
  const type = TYPES.get(stat.mode & S_IFMT);
  if (type === undefined) throw new Error(`Internal error: unknown file type ${stat.mode.toString(8)}`);
  return {
    type,
    mode: Number(stat.mode & 0o7777n),
    uid: Number(stat.uid),
    gid: Number(stat.gid),
    size: type === "file" ? Number(stat.size) : 0,
    mtimeNs: stat.mtimeNs,
    stat,
    ...facts,
    ...(type === "file" && stat.nlink > 1n ? { linkId: `${stat.dev}:${stat.ino}` } : {}),
    ...(type === "char" || type === "block" ? deviceNumbers(stat.rdev) : {}),
  };
}

/** glibc's gnu_dev_major and gnu_dev_minor (sys/sysmacros.h). */
function deviceNumbers(rdev: bigint): { readonly devMajor: number; readonly devMinor: number } {
  return {
    devMajor: Number(((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & 0xfffff000n)),
    devMinor: Number((rdev & 0xffn) | ((rdev >> 12n) & 0xffffff00n)),
  };
}

/** Whether two stats are of the same, unchanged file: what a writer can't keep equal on purpose is the ctime. */
export function isSameState(a: BigIntStats, b: BigIntStats): boolean {
  return a.ino === b.ino && a.dev === b.dev && a.size === b.size && a.mtimeNs === b.mtimeNs && a.ctimeNs === b.ctimeNs;
}
