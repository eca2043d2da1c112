/**
 * A folder whose files are reached without ever leaving it. Paths are relative to it, without leading slash,
 * and hold no links: whoever has links resolves them first (resolve.ts). The parent is opened by openat2 with
 * every link refused, and the last component named below that descriptor, so that a tree that somebody changes
 * meanwhile can make a call fail but never lead it elsewhere.
 */
import { closeSync, constants, fstatSync, linkSync, lstatSync, openSync, readdirSync, readlinkSync } from "node:fs";
import type { BigIntStats, Dirent } from "node:fs";
import { isErrno } from "../../base/errors.js";
import { decodePath, encodePath } from "../../base/path-bytes.js";
import type { Kernel } from "../../sys/types.js";
import { baseName, parentOf } from "./resolve.js";

/** fcntl.h; Node has no name for it. */
const O_PATH = 0o10000000;
const OPEN_DIRECTORY = O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW;

export interface NamedType {
  readonly name: string;
  readonly dirent: Dirent<string> | Dirent<Buffer>;
}

export class Tree implements Disposable {
  readonly #kernel: Kernel;
  #rootFd: number;
  /** The folder used last: most calls come folder by folder. */
  #current: { readonly path: string; readonly fd: number } | undefined;

  /** @throws ENOENT, ENOTDIR for a root that is no folder. */
  constructor(kernel: Kernel, root: string) {
    this.#kernel = kernel;
    this.#rootFd = openSync(root, OPEN_DIRECTORY & ~constants.O_NOFOLLOW);
  }

  /** A path for node:fs and kernel calls, good until the next call here. Its last component is not followed by l… calls. */
  at(path: string): string | Buffer {
    const fd = this.#folder(parentOf(path));
    return joinBytes(`/proc/self/fd/${fd}/`, path === "" ? "." : baseName(path));
  }

  /** A path for calls on the folder itself that follow its descriptor. */
  folderPath(path: string): string {
    return `/proc/self/fd/${this.#folder(path)}`;
  }

  /** Undefined when it, or a folder on the way, isn't there. */
  lstat(path: string): BigIntStats | undefined {
    try {
      return lstatSync(this.at(path), { bigint: true });
    } catch (error) {
      if (isErrno(error, "ENOENT", "ENOTDIR", "ELOOP")) return undefined;
      throw error;
    }
  }

  readlink(path: string): string {
    return decodePath(readlinkSync(this.at(path), { encoding: "buffer" }));
  }

  /** Names in a folder with their types, unordered. */
  list(path: string): readonly NamedType[] {
    const folder = this.folderPath(path);
    const dirents = readdirSync(folder, { withFileTypes: true });
    if (!dirents.some((dirent) => dirent.name.includes("\ufffd"))) return dirents.map((dirent) => ({ name: dirent.name, dirent }));
    const raw = readdirSync(folder, { withFileTypes: true, encoding: "buffer" });
    return raw.map((dirent) => ({ name: decodePath(dirent.name), dirent }));
  }

  /** A descriptor of the file; the caller closes it. `flags` and `mode` as in open(2). */
  open(path: string, flags: number, mode?: number): number {
    const options = { flags: flags | constants.O_NOFOLLOW, resolve: "no-links" as const, ...(mode === undefined ? {} : { mode }) };
    return this.#kernel.openAt(this.#rootFd, encodePath(path), options);
  }

  /** Another name for a file. */
  link(from: string, to: string): void {
    const folder = this.#openFolder(parentOf(from));
    try {
      linkSync(joinBytes(`/proc/self/fd/${folder}/`, baseName(from)), this.at(to));
    } finally {
      closeSync(folder);
    }
  }

  /** For a caller that replaced or removed a folder: descriptors of folders that are gone are let go. */
  forget(): void {
    if (this.#current !== undefined) closeSync(this.#current.fd);
    this.#current = undefined;
  }

  [Symbol.dispose](): void {
    this.forget();
    if (this.#rootFd >= 0) closeSync(this.#rootFd);
    this.#rootFd = -1;
  }

  #folder(path: string): number {
    if (path === "") return this.#rootFd;
    if (this.#current?.path === path) return this.#current.fd;
    const fd = this.#openFolder(path);
    this.forget();
    this.#current = { path, fd };
    return fd;
  }

  #openFolder(path: string): number {
    return this.#kernel.openAt(this.#rootFd, encodePath(path), { flags: OPEN_DIRECTORY, resolve: "no-links" });
  }
}

function joinBytes(folder: string, name: string): string | Buffer {
  const bytes = encodePath(name);
  return typeof bytes === "string" ? folder + bytes : Buffer.concat([Buffer.from(folder), bytes]);
}

/** The descriptor's state. */
export function stateOf(fd: number): BigIntStats {
  return fstatSync(fd, { bigint: true });
}
