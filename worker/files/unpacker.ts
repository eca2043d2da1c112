/** Entries of an archive, put beneath a folder of the tree. */
import { closeSync, writeSync } from "node:fs";
import type { Hash } from "node:crypto";
import { createHash } from "node:crypto";
import { digestFromHex } from "../../base/digest.js";
import { TsbuildError } from "../../base/errors.js";
import { unreachable } from "../../base/unreachable.js";
import type { TarEntry, TarHandler } from "../../image/layer/tar-reader.js";
import type { Destination, Ids, Metadata } from "./destination.js";
import { ROOT } from "./owner.js";
import { baseName, joinPath, parentOf, splitPath } from "./resolve.js";

export interface UnpackTarget {
  readonly destination: Destination;
  /** That is unpacked into, without links on the way. */
  readonly folder: string;
  /** Counts for all that is unpacked. Unset: the numbers in the archive. */
  readonly owner: Ids | undefined;
}

interface OpenFile {
  readonly path: string;
  readonly fd: number;
  readonly hash: Hash;
  readonly metadata: Metadata;
}

const IMPLIED_MODE = 0o755;

/**
 * What is in the way of an entry is replaced, but a folder and a folder become one. Links on the way to an entry are followed inside the root.
 * Disposing closes a file that was left half written.
 */
export class Unpacker implements TarHandler, Disposable {
  readonly #destination: Destination;
  readonly #target: UnpackTarget;
  #open: OpenFile | undefined;

  constructor(target: UnpackTarget) {
    this.#destination = target.destination;
    this.#target = target;
  }

  /** @throws {TsbuildError} ARCHIVE_UNSAFE (a name leaves the folder), ARCHIVE_BROKEN, NOT_A_FOLDER */
  entry(entry: TarEntry): void {
    const inside = safeName(entry.name);
    if (inside === "") return;
    const parent = this.#destination.resolve(joinPath(this.#target.folder, parentOf(inside)));
    this.#destination.makeFolders(parent, { mode: IMPLIED_MODE, ids: this.#target.owner ?? ROOT, replaces: false });
    this.#place(entry, joinPath(parent, baseName(inside)));
  }

  data(bytes: Buffer): void {
    if (this.#open === undefined) return;
    this.#open.hash.update(bytes);
    for (let done = 0; done < bytes.length;) done += writeSync(this.#open.fd, bytes, done);
  }

  entryEnd(): void {
    if (this.#open === undefined) return;
    const { path, fd, hash, metadata } = this.#open;
    this.#open = undefined;
    this.#destination.finishFile(path, fd, metadata);
    this.#destination.digests.set(path, digestFromHex(hash.digest("hex")));
  }

  [Symbol.dispose](): void {
    if (this.#open !== undefined) closeSync(this.#open.fd);
    this.#open = undefined;
  }

  #place(entry: TarEntry, path: string): void {
    const existing = this.#destination.lstat(path)?.type;
    const metadata = this.#metadata(entry);
    if (entry.type === "dir" && existing === "dir") return this.#destination.dress(path, metadata, "dir");
    const linked = entry.type === "hardlink" ? this.#linked(entry) : undefined;
    if (linked === path) return;
    if (existing !== undefined) this.#destination.remove(path);
    this.#make(entry, { path, metadata, linked });
  }

  #make(
    entry: TarEntry,
    { path, metadata, linked }: { readonly path: string; readonly metadata: Metadata; readonly linked: string | undefined },
  ): void {
    switch (entry.type) {
      case "dir":
        return this.#destination.makeFolder(path, metadata);
      case "file":
        this.#open = { path, fd: this.#destination.createFile(path), hash: createHash("sha256"), metadata };
        return;
      case "symlink":
        return this.#destination.makeLink(path, entry.linkName, metadata);
      case "hardlink":
        return this.#hardLink(linked ?? "", path);
      case "char":
      case "block":
      case "fifo":
        return this.#destination.makeNode(path, { type: entry.type, major: entry.devMajor, minor: entry.devMinor }, metadata);
      default:
        return unreachable(entry.type);
    }
  }

  /** The file that a hard link names: one of the archive, or one that was there before. The link itself is not followed. */
  #linked(entry: TarEntry): string {
    const existing = this.#destination.resolve(joinPath(this.#target.folder, safeName(entry.linkName)), { last: false });
    const type = this.#destination.lstat(existing)?.type;
    if (type !== undefined && type !== "dir") return existing;
    throw new TsbuildError(
      "ARCHIVE_BROKEN",
      `"${entry.name}" in the archive is a hard link to "${entry.linkName}", which is ${type === undefined ? "not there" : "a folder"}`,
    );
  }

  #hardLink(existing: string, path: string): void {
    this.#destination.hardLink(existing, path);
    const digest = this.#destination.digests.get(existing);
    if (digest !== undefined) this.#destination.digests.set(path, digest);
  }

  #metadata(entry: TarEntry): Metadata {
    const { uid, gid } = this.#target.owner ?? entry;
    const xattrs = Object.fromEntries(entry.xattrs.map(([name, value]) => [name, value.toString("base64")]));
    return { uid, gid, mode: entry.mode, mtimeNs: entry.mtimeNs, xattrs };
  }
}

function safeName(name: string): string {
  const names = splitPath(name);
  if (!names.includes("..")) return names.join("/");
  throw new TsbuildError("ARCHIVE_UNSAFE", `"${name}" in the archive leads out of the folder it is unpacked into`, {
    hint: "names with .. are refused; nothing outside was touched",
  });
}
