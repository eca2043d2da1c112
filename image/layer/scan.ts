/** A directory as a file list. */
import type { BigIntStats } from "node:fs";
import { constants, lstatSync, readdirSync, readlinkSync } from "node:fs";
import type { Digest } from "../../base/digest.js";
import { decodePath, encodePath } from "../../base/path-bytes.js";
import type { Kernel } from "../../sys/types.js";
import type { FileEntry } from "../types.js";
import type { DraftEntry } from "./entry.js";
import { countsAsXattr, joinPath, sortByPath } from "./entry.js";
import { FileHasher, asTreeChange } from "./file-content.js";
import { hardlinkTo } from "./link-groups.js";

export interface ScanOptions {
  /** The directory is (to be) an overlay upper: 0:0 devices are whiteouts, the opaque attribute is read. */
  readonly overlayUpper: boolean;
  /** Whether files get their digest; without it nothing is opened. */
  readonly hashFiles: boolean;
  /** A digest known for a file in this state: it is not read then. */
  readonly reuse?: ((relativePath: string, stat: BigIntStats) => Digest | undefined) | undefined;
  /** True leaves out the path and all beneath it. Not asked for the root. */
  readonly exclude?: ((relativePath: string, stat: BigIntStats) => boolean) | undefined;
}

/** One name in the tree, before links are known and files are read. */
export interface ScannedEntry {
  readonly path: string;
  readonly draft: DraftEntry;
  readonly stat: BigIntStats;
}

/** A whiteout says nothing but its path. */
export function whiteoutEntry(path: string): FileEntry {
  return { path, type: "whiteout", mode: 0, uid: 0, gid: 0, size: 0, mtimeNs: 0n };
}

/**
 * The tree at `dir`, its root as `""` first, in byte order of the paths. Links are never followed; a file's second
 * and later names are hard links to its first; sockets are listed. Xattrs are those that count.
 * @throws {TsbuildError} TREE_CHANGED when something moves or changes meanwhile
 */
export function scanDirectory(kernel: Kernel, dir: string, options: ScanOptions): FileEntry[] {
  const scanned = linkNames(walkTree(kernel, dir, options));
  if (options.hashFiles) hashScanned(dir, scanned, options.reuse);
  return scanned.map(({ draft }) => draft);
}

/** Bytes on disk of what was scanned, each inode once. */
export function diskBytesOf(scanned: readonly ScannedEntry[]): number {
  return scanned.reduce((sum, { draft, stat }) => (draft.type === "hardlink" ? sum : sum + Number(stat.blocks) * 512), 0);
}

/** Every name, in byte order of the paths; no file is opened. */
export function walkTree(kernel: Kernel, dir: string, options: Pick<ScanOptions, "overlayUpper" | "exclude">): ScannedEntry[] {
  const root = scanEntry(kernel, { dir, path: "", stat: lstatSync(dir, { bigint: true }), overlayUpper: options.overlayUpper });
  const found = [root];
  const open = root.draft.type === "dir" ? [""] : [];
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    for (const name of childNames(dir, path)) {
      const child = joinPath(path, name);
      const stat = statOf(dir, child);
      if (options.exclude?.(child, stat) === true) continue;
      const entry = scanEntry(kernel, { dir, path: child, stat, overlayUpper: options.overlayUpper });
      found.push(entry);
      if (entry.draft.type === "dir") open.push(child);
    }
  }
  return sortByPath(found);
}

/** Where a path of the tree lies, as system calls take it. */
export function placeOf(dir: string, path: string): string | Buffer {
  return path === "" ? dir : encodePath(`${dir}/${path}`);
}

function childNames(dir: string, path: string): readonly string[] {
  const place = placeOf(dir, path);
  try {
    const names = readdirSync(place, "utf8");
    // U+FFFD is what Node puts for bytes that are not UTF-8; only then the bytes are worth a second call.
    if (!names.some((name) => name.includes("\ufffd"))) return names;
    return readdirSync(place, "buffer").map(decodePath);
  } catch (error) {
    throw asTreeChange(error, path);
  }
}

function statOf(dir: string, path: string): BigIntStats {
  try {
    return lstatSync(placeOf(dir, path), { bigint: true });
  } catch (error) {
    throw asTreeChange(error, path);
  }
}

interface Found {
  readonly dir: string;
  readonly path: string;
  readonly stat: BigIntStats;
  readonly overlayUpper: boolean;
}

function scanEntry(kernel: Kernel, found: Found): ScannedEntry {
  const { path, stat } = found;
  if (found.overlayUpper && isWhiteout(stat)) return { path, draft: whiteoutEntry(path), stat };
  const type = typeOf(stat, path);
  const draft: DraftEntry = {
    path,
    type,
    mode: Number(stat.mode) & 0o7777,
    uid: Number(stat.uid),
    gid: Number(stat.gid),
    size: type === "file" ? Number(stat.size) : 0,
    mtimeNs: stat.mtimeNs,
  };
  try {
    addDetails(kernel, draft, found);
  } catch (error) {
    throw asTreeChange(error, path);
  }
  return { path, draft, stat };
}

function addDetails(kernel: Kernel, draft: DraftEntry, { dir, path, stat, overlayUpper }: Found): void {
  const place = placeOf(dir, path);
  if (draft.type === "symlink") draft.target = decodePath(readlinkSync(place, "buffer"));
  if (draft.type === "char" || draft.type === "block") {
    draft.devMajor = majorOf(stat.rdev);
    draft.devMinor = minorOf(stat.rdev);
  }
  const names = kernel.listXattrs(place);
  if (names.length === 0) return;
  const xattrs = readXattrs(kernel, place, names);
  if (xattrs !== undefined) draft.xattrs = xattrs;
  if (overlayUpper && draft.type === "dir" && isOpaque(kernel, place, names)) draft.opaque = true;
}

function readXattrs(kernel: Kernel, place: string | Buffer, names: readonly string[]): Record<string, string> | undefined {
  const pairs = names.filter(countsAsXattr).map((name) => [name, kernel.getXattr(place, name)?.toString("base64") ?? ""] as const);
  return pairs.length === 0 ? undefined : Object.fromEntries(pairs);
}

/** `user.` in user namespaces, where the overlay is mounted with userxattr (Documentation/filesystems/overlayfs.rst). */
function isOpaque(kernel: Kernel, place: string | Buffer, names: readonly string[]): boolean {
  return ["trusted.overlay.opaque", "user.overlay.opaque"].some(
    (name) => names.includes(name) && kernel.getXattr(place, name)?.toString("latin1") === "y",
  );
}

function isWhiteout(stat: BigIntStats): boolean {
  return stat.rdev === 0n && stat.isCharacterDevice();
}

const TYPE_BY_FORMAT: ReadonlyMap<number, FileEntry["type"]> = new Map([
  [constants.S_IFREG, "file"],
  [constants.S_IFDIR, "dir"],
  [constants.S_IFLNK, "symlink"],
  [constants.S_IFCHR, "char"],
  [constants.S_IFBLK, "block"],
  [constants.S_IFIFO, "fifo"],
  [constants.S_IFSOCK, "socket"],
]);

function typeOf(stat: BigIntStats, path: string): FileEntry["type"] {
  const type = TYPE_BY_FORMAT.get(Number(stat.mode) & constants.S_IFMT);
  if (type === undefined) throw new Error(`Internal error: "${path}" has an unknown file type in mode ${stat.mode}`);
  return type;
}

/** The two halves of a device number as glibc's sys/sysmacros.h lays them out. */
function majorOf(rdev: bigint): number {
  return Number(((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & 0xfffff000n));
}

function minorOf(rdev: bigint): number {
  return Number((rdev & 0xffn) | ((rdev >> 12n) & 0xffffff00n));
}

/** Turns every later name of an inode into a hard link to its first name. Changes the array. */
export function linkNames(scanned: ScannedEntry[]): ScannedEntry[] {
  const firsts = new Map<string, FileEntry>();
  scanned.forEach(({ path, draft, stat }, index) => {
    if (stat.nlink < 2n || draft.type === "dir" || draft.type === "whiteout") return;
    const inode = `${stat.dev}:${stat.ino}`;
    const first = firsts.get(inode);
    if (first === undefined) firsts.set(inode, draft);
    else scanned[index] = { path, draft: hardlinkTo(first, path), stat };
  });
  return scanned;
}

/** Fills in the digests of the files. Links are known by now, so that no inode is read twice. */
export function hashScanned(dir: string, scanned: readonly ScannedEntry[], reuse: ScanOptions["reuse"]): void {
  const hasher = new FileHasher();
  for (const { path, draft, stat } of scanned) {
    if (draft.type === "file") draft.digest = reuse?.(path, stat) ?? hasher.digest(placeOf(dir, path), path, stat);
  }
}
