/** Making what a tar entry describes. Every place given here lies in a directory that is known to be inside the image. */
import { createHash, hash } from "node:crypto";
import type { Hash } from "node:crypto";
import { chmodSync, closeSync, constants, fchmodSync, fchownSync, lchownSync, openSync, symlinkSync, writeSync } from "node:fs";
import type { Digest } from "../../base/digest.js";
import { digestFromHex } from "../../base/digest.js";
import { encodePath } from "../../base/path-bytes.js";
import type { Kernel } from "../../sys/types.js";
import type { FileEntry } from "../types.js";
import type { DraftEntry } from "./entry.js";
import { EMPTY_DIGEST } from "./file-content.js";
import type { TarEntry } from "./tar-reader.js";

export type Place = string | Buffer;

/** Of a directory that is not opaque nothing is set; in user namespaces overlayfs reads the `user.` one. */
export type OverlayXattrs = "trusted" | "user";

const NEW_FILE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
const FORMAT = { char: constants.S_IFCHR, block: constants.S_IFBLK, fifo: constants.S_IFIFO } as const;

/** What a tar entry says of an inode, for the file list. */
export function inodeOf(entry: TarEntry, path: string): DraftEntry {
  const { type, mode, uid, gid, mtimeNs } = entry;
  const draft: DraftEntry = { path, type, mode: type === "symlink" ? 0o777 : mode, uid, gid, size: entry.size, mtimeNs };
  if (type === "symlink") draft.target = entry.linkName;
  if (type === "char" || type === "block") {
    draft.devMajor = entry.devMajor;
    draft.devMinor = entry.devMinor;
  }
  if (entry.xattrs.length > 0) draft.xattrs = Object.fromEntries(entry.xattrs.map(([name, value]) => [name, value.toString("base64")]));
  return draft;
}

/** Makes a symlink, device or pipe, with all its metadata. */
export function makeSpecial(kernel: Kernel, place: Place, entry: TarEntry): void {
  if (entry.type === "symlink") symlinkSync(encodePath(entry.linkName), place);
  else if (entry.type === "char" || entry.type === "block" || entry.type === "fifo")
    kernel.mknod(place, FORMAT[entry.type] | 0o600, entry.devMajor, entry.devMinor);
  else throw new Error(`Internal error: a ${entry.type} is not special`);
  setMetadata(kernel, place, entry);
}

/** Owner, then mode (chown clears setuid), then xattrs (chown clears capabilities), then times. */
export function setMetadata(
  kernel: Kernel,
  place: Place,
  entry: Pick<TarEntry, "type" | "mode" | "uid" | "gid" | "mtimeNs" | "xattrs">,
): void {
  lchownSync(place, entry.uid, entry.gid);
  if (entry.type !== "symlink") chmodSync(place, entry.mode);
  for (const [name, value] of entry.xattrs) kernel.setXattr(place, name, value);
  kernel.setTimes(place, entry.mtimeNs, entry.mtimeNs);
}

/** Owner, mode and xattrs of a directory as a list entry says them; its time waits until nothing is made in it any more. */
export function setDirectoryMetadata(kernel: Kernel, place: Place, entry: FileEntry): void {
  lchownSync(place, entry.uid, entry.gid);
  chmodSync(place, entry.mode);
  for (const [name, value] of Object.entries(entry.xattrs ?? {})) kernel.setXattr(place, name, Buffer.from(value, "base64"));
}

/** A file that is being written and hashed as its content comes. */
export class FileWriter {
  readonly #kernel: Kernel;
  readonly #place: Place;
  readonly #entry: TarEntry;
  readonly #fd: number;
  #state: Hash | undefined;
  #digest: Digest = EMPTY_DIGEST;

  constructor(kernel: Kernel, place: Place, entry: TarEntry) {
    this.#kernel = kernel;
    this.#place = place;
    this.#entry = entry;
    this.#fd = openSync(place, NEW_FILE, 0o600);
  }

  write(bytes: Buffer): void {
    for (let at = 0; at < bytes.length;) at += writeSync(this.#fd, bytes, at);
    if (bytes.length === this.#entry.size) this.#digest = digestFromHex(hash("sha256", bytes, "hex"));
    else this.#state = (this.#state ?? createHash("sha256")).update(bytes);
  }

  /** Sets the metadata and closes, whatever happens. Returns the content's digest. */
  finish(): Digest {
    const { uid, gid, mode, xattrs, mtimeNs } = this.#entry;
    try {
      fchownSync(this.#fd, uid, gid);
      fchmodSync(this.#fd, mode);
    } finally {
      this.close();
    }
    for (const [name, value] of xattrs) this.#kernel.setXattr(this.#place, name, value);
    this.#kernel.setTimes(this.#place, mtimeNs, mtimeNs);
    return this.#state === undefined ? this.#digest : digestFromHex(this.#state.digest("hex"));
  }

  close(): void {
    closeSync(this.#fd);
  }
}
