/** The tree that is changed. Paths as in tree.ts: relative to its root, links resolved before. */
import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  lchownSync,
  mkdirSync,
  openSync,
  rmdirSync,
  symlinkSync,
  unlinkSync,
} from "node:fs";
import type { BigIntStats } from "node:fs";
import type { Digest } from "../../base/digest.js";
import { isErrno, TsbuildError } from "../../base/errors.js";
import { encodePath } from "../../base/path-bytes.js";
import type { Kernel } from "../../sys/types.js";
import type { Entry } from "./entry.js";
import { entryOf } from "./entry.js";
import { followLinks, joinPath, splitPath } from "./resolve.js";
import { Tree } from "./tree.js";

export interface Ids {
  readonly uid: number;
  readonly gid: number;
}

/** What a new file gets beside its content. */
export interface Metadata extends Ids {
  readonly mode: number;
  readonly mtimeNs?: bigint | undefined;
  readonly xattrs?: Readonly<Record<string, string>> | undefined;
}

export interface FolderOptions {
  readonly mode: number;
  readonly ids: Ids;
  readonly mtimeNs?: bigint | undefined;
  /** Put a folder in the place of a link or file that is in the way. */
  readonly replaces: boolean;
}

/** linux/stat.h */
const NODE_TYPES = { char: 0o020000, block: 0o060000, fifo: 0o010000 } as const;
const CREATE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

export class Destination implements Disposable {
  /** Of the regular files that were written and are still there. */
  readonly digests: Map<string, Digest> = new Map<string, Digest>();
  readonly #kernel: Kernel;
  readonly #tree: Tree;
  /** Times of folders, set when nothing more is written into them. */
  readonly #folderTimes = new Map<string, bigint>();

  readonly #refusesNodes: boolean;

  constructor(kernel: Kernel, root: string, { refusesNodes = false }: { readonly refusesNodes?: boolean } = {}) {
    this.#refusesNodes = refusesNodes;
    this.#kernel = kernel;
    this.#tree = new Tree(kernel, root);
  }

  lstat(path: string): Entry | undefined {
    const stat = this.#tree.lstat(path);
    if (stat === undefined) return undefined;
    return entryOf(stat, stat.isSymbolicLink() ? { target: this.#tree.readlink(path) } : {});
  }

  /** The path with all links in it followed inside the root. */
  resolve(path: string, options: { readonly last: boolean } = { last: true }): string {
    return followLinks((at) => this.lstat(at), path, options);
  }

  /** Makes the folder and those above it that are missing. @throws {TsbuildError} NOT_A_FOLDER */
  makeFolders(path: string, options: FolderOptions): void {
    if (path === "" || this.#isFolder(path)) return;
    let at = "";
    for (const name of splitPath(path)) {
      at = joinPath(at, name);
      if (this.#isFolder(at)) continue;
      if (this.#tree.lstat(at) !== undefined) {
        if (!options.replaces)
          throw new TsbuildError("NOT_A_FOLDER", `mkdir /${path}: "/${at}" is not a directory`, {
            hint: "a file is where a folder is needed",
          });
        this.remove(at);
      }
      this.makeFolder(at, { mode: options.mode, ...options.ids, mtimeNs: options.mtimeNs });
    }
  }

  makeFolder(path: string, metadata: Metadata): void {
    mkdirSync(this.#tree.at(path), 0o700);
    this.dress(path, metadata, "dir");
  }

  /** A new file, open for writing. The caller closes it through `finishFile`, or by itself after a failure. */
  createFile(path: string): number {
    return openSync(this.#tree.at(path), CREATE, 0o600);
  }

  finishFile(path: string, fd: number, metadata: Metadata): void {
    try {
      fchownSync(fd, metadata.uid, metadata.gid);
      // after chown, which clears setuid and setgid
      fchmodSync(fd, metadata.mode);
    } finally {
      closeSync(fd);
    }
    this.#dressMore(path, metadata);
  }

  makeLink(path: string, target: string, metadata: Metadata): void {
    symlinkSync(encodePath(target), this.#tree.at(path));
    this.dress(path, metadata, "symlink");
  }

  hardLink(existing: string, path: string): void {
    this.#tree.link(existing, path);
  }

  makeNode(
    path: string,
    node: { readonly type: keyof typeof NODE_TYPES; readonly major: number; readonly minor: number },
    metadata: Metadata,
  ): void {
    if (this.#refusesNodes) {
      throw new TsbuildError(
        "SPECIAL_FILE_REFUSED",
        `"/${path}" is a ${node.type === "fifo" ? "FIFO" : "device"}: it is not written to a folder outside the store`,
        {
          hint: "leave it out of what is exported, or export a tar: --output type=tar,dest=FILE",
        },
      );
    }
    this.#kernel.mknod(this.#tree.at(path), NODE_TYPES[node.type] | 0o600, node.major, node.minor);
    this.dress(path, metadata, "node");
  }

  /** Owner, mode, xattrs and time of what is there, in the order that keeps them all. */
  dress(path: string, metadata: Metadata, type: "dir" | "symlink" | "node"): void {
    const at = this.#tree.at(path);
    lchownSync(at, metadata.uid, metadata.gid);
    if (type !== "symlink") chmodSync(at, metadata.mode);
    this.#dressMore(path, { ...metadata, mtimeNs: type === "dir" ? undefined : metadata.mtimeNs });
    if (type === "dir" && metadata.mtimeNs !== undefined) this.#folderTimes.set(path, metadata.mtimeNs);
  }

  /** Remembers a folder's time for `finish`. */
  keepTime(path: string, mtimeNs: bigint): void {
    this.#folderTimes.set(path, mtimeNs);
  }

  /** Removes it and all that is in it. Nothing there is no error. */
  remove(path: string): void {
    const stat = this.#tree.lstat(path);
    if (stat === undefined) return;
    if (!stat.isDirectory()) {
      unlinkSync(this.#tree.at(path));
      this.digests.delete(path);
      return;
    }
    for (const { name } of this.#tree.list(path)) this.remove(joinPath(path, name));
    this.#tree.forget();
    this.#folderTimes.delete(path);
    rmdirSync(this.#tree.at(path));
  }

  list(path: string): readonly string[] {
    return this.#tree.list(path).map(({ name }) => name);
  }

  /** Sets the times of folders, the deepest first. */
  finish(): void {
    for (const [path, mtimeNs] of [...this.#folderTimes].reverse()) {
      if (this.#isFolder(path)) this.#kernel.setTimes(this.#tree.at(path), mtimeNs, mtimeNs);
    }
    this.#folderTimes.clear();
  }

  [Symbol.dispose](): void {
    this.#tree[Symbol.dispose]();
  }

  #isFolder(path: string): boolean {
    const stat: BigIntStats | undefined = path === "" ? undefined : this.#tree.lstat(path);
    return path === "" || stat?.isDirectory() === true;
  }

  #dressMore(path: string, { xattrs, mtimeNs }: Metadata): void {
    if (xattrs === undefined && mtimeNs === undefined) return;
    const at = this.#tree.at(path);
    for (const [name, value] of Object.entries(xattrs ?? {})) this.#setXattr(at, { path, name, value });
    if (mtimeNs !== undefined) this.#kernel.setTimes(at, mtimeNs, mtimeNs);
  }

  #setXattr(at: string | Buffer, { path, name, value }: { readonly path: string; readonly name: string; readonly value: string }): void {
    try {
      this.#kernel.setXattr(at, name, Buffer.from(value, "base64"));
    } catch (error) {
      if (!isErrno(error, "ENOTSUP", "EPERM")) throw error;
      throw new TsbuildError("XATTR_REFUSED", `"/${path}": the extended attribute ${name} can't be set here`, {
        cause: error,
        hint: "the filesystem of the store doesn't keep it, or the rights are missing",
      });
    }
  }
}
