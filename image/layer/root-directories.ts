/** Directories of a mounted root, resolved by the kernel so that no link leads out of it. */
import { closeSync, constants, fstatSync, mkdirSync, openSync, readlinkSync } from "node:fs";
import { isErrno } from "../../base/errors.js";
import { decodePath, encodePath } from "../../base/path-bytes.js";
import type { Kernel } from "../../sys/types.js";
import { joinPath } from "./entry.js";
import { layerCorrupt } from "./layer-errors.js";
import type { Place } from "./write-node.js";

/** O_PATH (asm-generic/fcntl.h); Node doesn't name it. */
const O_PATH = 0o10000000;
const OPEN_DIRECTORY = O_PATH | constants.O_DIRECTORY;
/** MAXSYMLINKS (linux/namei.h) */
const MOST_LINKS = 40;
const MOST_OPEN = 64;

/** A directory held open: what is done at `place(name)` happens in this very directory, whatever its path becomes. */
export interface OpenDirectory {
  readonly fd: number;
  /** Relative to the root, without links. */
  readonly path: string;
  readonly mtimeNs: bigint;
}

/** Where a name of an open directory lies. `/proc/self/fd` leads to the directory itself, not to its path. */
export function placeIn(dir: OpenDirectory, name: string): Place {
  return name === "" ? `/proc/self/fd/${dir.fd}/.` : encodePath(`/proc/self/fd/${dir.fd}/${name}`);
}

export class RootDirectories {
  readonly #kernel: Kernel;
  readonly #rootFd: number;
  readonly #rootPath: string;
  readonly #onMake: (parent: OpenDirectory, path: string) => void;
  readonly #open = new Map<string, OpenDirectory>();

  /** `onMake` is told each directory that had to be made: what its parent was before, and its real path. */
  constructor(kernel: Kernel, root: string, onMake: (parent: OpenDirectory, path: string) => void) {
    this.#kernel = kernel;
    this.#rootFd = openSync(root, OPEN_DIRECTORY);
    this.#rootPath = realPathOf(this.#rootFd);
    this.#onMake = onMake;
  }

  /** Opens a directory, makes what is missing of it. Owned by this object. @throws {TsbuildError} LAYER_CORRUPT when something on the way is no directory */
  at(path: string): OpenDirectory {
    const held = this.#open.get(path);
    if (held !== undefined) return held;
    const dir = this.#describe(this.#find(path) ?? this.#make(path, MOST_LINKS));
    this.#open.set(path, dir);
    return dir;
  }

  /** The same without making anything; undefined when it isn't there. */
  existing(path: string): OpenDirectory | undefined {
    const held = this.#open.get(path);
    if (held !== undefined) return held;
    const fd = this.#find(path);
    if (fd === undefined) return undefined;
    const dir = this.#describe(fd);
    this.#open.set(path, dir);
    return dir;
  }

  /** Closes all when there are many. Not to be called while a place is in use. */
  trim(): void {
    if (this.#open.size >= MOST_OPEN) this.forget();
  }

  /** To be called when a name was removed: a path may lead elsewhere now. */
  forget(): void {
    for (const { fd } of this.#open.values()) closeSync(fd);
    this.#open.clear();
  }

  close(): void {
    this.forget();
    closeSync(this.#rootFd);
  }

  #find(path: string): number | undefined {
    try {
      return this.#kernel.openAt(this.#rootFd, encodePath(path), { flags: OPEN_DIRECTORY, resolve: "in-root" });
    } catch (error) {
      if (isErrno(error, "ENOENT")) return undefined;
      if (isErrno(error, "ENOTDIR", "ELOOP")) throw layerCorrupt(`an entry leads through "${path}", which is no directory`, error);
      throw error;
    }
  }

  /** Makes the last part of a path in its parent, which is made first. */
  #make(path: string, linksLeft: number): number {
    if (linksLeft === 0) throw layerCorrupt(`"${path}" goes through too many links`);
    const parts = path.split("/").filter((part) => part !== "" && part !== ".");
    const name = parts.pop() ?? "..";
    const parentText = parts.join("/");
    const parentFd = this.#find(parentText) ?? this.#make(parentText, linksLeft);
    try {
      const parent = this.#describe(parentFd);
      const link = name === ".." ? undefined : makeOrReadLink(placeIn(parent, name));
      if (link === undefined) {
        this.#onMake(parent, joinPath(parent.path, name));
        return this.#found(path);
      }
      // A link to nothing: its target is what has to be made.
      const target = link.startsWith("/") ? link : `${parent.path}/${link}`;
      return this.#find(target) ?? this.#make(target, linksLeft - 1);
    } finally {
      closeSync(parentFd);
    }
  }

  #found(path: string): number {
    const fd = this.#find(path);
    if (fd === undefined) throw layerCorrupt(`an entry leads through "${path}", which is no directory`);
    return fd;
  }

  #describe(fd: number): OpenDirectory {
    const real = realPathOf(fd);
    const path = real === this.#rootPath ? "" : real.slice(this.#rootPath.length === 1 ? 1 : this.#rootPath.length + 1);
    return { fd, path, mtimeNs: fstatSync(fd, { bigint: true }).mtimeNs };
  }
}

function realPathOf(fd: number): string {
  return decodePath(readlinkSync(`/proc/self/fd/${fd}`, "buffer"));
}

/** Makes a directory; where a link is already, its target instead. */
function makeOrReadLink(place: Place): string | undefined {
  try {
    mkdirSync(place, 0o755);
    return undefined;
  } catch (error) {
    if (!isErrno(error, "EEXIST")) throw error;
    return decodePath(readlinkSync(place, "buffer"));
  }
}

/** Whether a path is `dir` or beneath it. */
export function isWithin(path: string, dir: string): boolean {
  return dir === "" || path === dir || path.startsWith(`${dir}/`);
}
