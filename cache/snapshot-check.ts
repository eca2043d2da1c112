/** Compares a snapshot's folder with its file list: what a power cut may have taken is noticed here. */
import type { Stats } from "node:fs";
import { lstatSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { pathBytes } from "../base/path-bytes.js";
import { TsbuildError, isErrno } from "../base/errors.js";
import { decodeFileList } from "../image/layer/file-list.js";
import type { FileEntry } from "../image/types.js";
import { fileDigest } from "./file-digest.js";

const SLASH = Buffer.from("/");

/**
 * What is wrong, in words, or undefined when it is whole: existence, type, size, link target and content of
 * every entry. Modes and times are not compared: they are in the filesystem's journal, in order.
 */
export async function findDamage(dir: string): Promise<string | undefined> {
  const entries = readList(join(dir, "files"));
  if (entries === undefined) return "its file list is missing or torn";
  const root = Buffer.from(join(dir, "fs"));
  for (const entry of entries) {
    const damage = await damageOf(entry, entry.path === "" ? root : Buffer.concat([root, SLASH, pathBytes(entry.path)]));
    if (damage !== undefined) return `${entry.path === "" ? "its root" : entry.path} ${damage}`;
  }
  return undefined;
}

function readList(path: string): readonly FileEntry[] | undefined {
  try {
    return decodeFileList(readFileSync(path));
  } catch (error) {
    if (isErrno(error, "ENOENT", "EIO") || (error instanceof TsbuildError && error.code === "FILE_LIST_CORRUPT")) return undefined;
    throw error;
  }
}

async function damageOf(entry: FileEntry, path: Buffer): Promise<string | undefined> {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return "is missing";
  if (!hasType(stat, entry)) return `is not a ${entry.type}`;
  if (entry.type === "symlink" && entry.target !== undefined && !readlinkSync(path, { encoding: "buffer" }).equals(pathBytes(entry.target)))
    return "points elsewhere";
  if (entry.type !== "file") return undefined;
  if (stat.size !== entry.size) return `has ${stat.size} bytes, not ${entry.size}`;
  return entry.digest === undefined || (await hasContent(path, entry)) ? undefined : "has other bytes";
}

async function hasContent(path: Buffer, entry: FileEntry): Promise<boolean> {
  try {
    return (await fileDigest(path, entry.size)) === entry.digest;
  } catch (error) {
    if (isErrno(error, "EIO")) return false;
    throw error;
  }
}

function hasType(stat: Stats, entry: FileEntry): boolean {
  switch (entry.type) {
    case "file":
      return stat.isFile();
    // Its target may be any kind of file but a folder.
    case "hardlink":
      return !stat.isDirectory();
    case "dir":
      return stat.isDirectory();
    case "symlink":
      return stat.isSymbolicLink();
    case "whiteout":
      return stat.isCharacterDevice() && stat.rdev === 0;
    case "char":
      return stat.isCharacterDevice();
    case "block":
      return stat.isBlockDevice();
    case "fifo":
      return stat.isFIFO();
    case "socket":
      return stat.isSocket();
  }
}
