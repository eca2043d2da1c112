import { lstatSync, readdirSync } from "node:fs";
import { isErrno } from "../base/errors.js";

const SLASH = Buffer.from("/");

/** What a tree takes on disk, in bytes; 0 when it is missing. What vanishes meanwhile is left out. */
export function treeBytes(path: string): number {
  let bytes = 0;
  const folders: Buffer[] = [Buffer.from(path)];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for (const entry of entriesOf(folder)) {
      const child = Buffer.concat([folder, SLASH, entry.name]);
      bytes += (lstatSync(child, { throwIfNoEntry: false })?.blocks ?? 0) * 512;
      if (entry.isDirectory()) folders.push(child);
    }
  }
  return bytes;
}

function entriesOf(folder: Buffer): ReturnType<typeof readBuffers> {
  try {
    return readBuffers(folder);
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR")) return [];
    throw error;
  }
}

function readBuffers(folder: Buffer): { readonly name: Buffer; isDirectory(): boolean }[] {
  return readdirSync(folder, { withFileTypes: true, encoding: "buffer" });
}
