/**
 * Applies a layer through the mounted root of its parents, whose upper directory becomes the layer: the kernel follows the
 * parents' links and makes whiteouts by itself. Slower than laying it out alone, and right for every layer.
 */
import { linkSync, lstatSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import type { BigIntStats } from "node:fs";
import type { Digest } from "../../base/digest.js";
import { isErrno } from "../../base/errors.js";
import { decodePath, encodePath, pathBytes } from "../../base/path-bytes.js";
import type { Kernel } from "../../sys/types.js";
import { baseName, joinPath, parentPath } from "./entry.js";
import { layerCorrupt } from "./layer-errors.js";
import type { LaidOut, LayerTarget } from "./layer-target.js";
import type { OpenDirectory } from "./root-directories.js";
import { RootDirectories, isWithin, placeIn } from "./root-directories.js";
import { scanDirectory } from "./scan.js";
import type { TarEntry } from "./tar-reader.js";
import type { Place } from "./write-node.js";
import { makeSpecial, setDirectoryMetadata, setMetadata } from "./write-node.js";

export interface MergedPlace {
  /** Mountpoint of the overlay. */
  readonly root: string;
  /** Its upper directory. */
  readonly upper: string;
}

export class MergedTarget implements LayerTarget {
  readonly #kernel: Kernel;
  readonly #upper: string;
  readonly #directories: RootDirectories;
  /** Real paths that the tar named: its whiteouts and opaque marks don't touch them. */
  readonly #made = new MadePaths();
  /** Directories the tar named, by real path, whose metadata is set at the end. */
  readonly #named = new Map<string, TarEntry>();
  /** Times of directories before anything was changed in them. */
  readonly #times = new Map<string, bigint>();
  readonly #digests = new Map<string, Digest>();
  #openFile = "";

  constructor(kernel: Kernel, { root, upper }: MergedPlace) {
    this.#kernel = kernel;
    this.#upper = upper;
    this.#directories = new RootDirectories(kernel, root, (parent, path) => this.#noteMadeDirectory(parent, path));
  }

  directory(path: string, entry: TarEntry): void {
    if (path === "") {
      this.#named.set("", entry);
      return;
    }
    const { place, real } = this.#locate(path);
    const existing = statOrNothing(place);
    if (existing?.isDirectory() !== true) {
      if (existing !== undefined) this.#remove(place, real, existing);
      mkdirSync(this.#placeAgain(real), 0o700);
    }
    this.#made.add(real);
    this.#named.set(real, entry);
  }

  file(path: string): Place {
    const { place, real } = this.#makeWay(path);
    this.#openFile = real;
    return place;
  }

  fileDone(digest: Digest): void {
    this.#digests.set(this.#openFile, digest);
  }

  special(path: string, entry: TarEntry): void {
    makeSpecial(this.#kernel, this.#makeWay(path).place, entry);
  }

  hardlink(path: string, target: string): void {
    this.#directories.trim();
    const targetDir = this.#directories.existing(parentPath(target));
    const from = targetDir === undefined ? undefined : placeIn(targetDir, baseName(target));
    const stat = from === undefined ? undefined : statOrNothing(from);
    if (targetDir === undefined || from === undefined || stat === undefined)
      throw layerCorrupt(`"${path}" is a hard link to "${target}", which doesn't exist`);
    if (stat.isDirectory()) throw layerCorrupt(`"${path}" is a hard link to "${target}", which is a directory`);
    const { place, real } = this.#locate(path);
    const realTarget = joinPath(targetDir.path, baseName(target));
    if (real === realTarget) throw layerCorrupt(`"${path}" is a hard link to itself`);
    const existing = statOrNothing(place);
    if (existing !== undefined) this.#remove(place, real, existing);
    linkSync(this.#placeAgain(realTarget), this.#placeAgain(real));
    this.#made.add(real);
  }

  whiteout(path: string): void {
    this.#directories.trim();
    // As Docker does, also when there is nothing to remove.
    const dir = this.#directories.at(parentPath(path));
    const name = baseName(path);
    this.#noteTime(dir);
    this.#removeUnlessMade(placeIn(dir, name), joinPath(dir.path, name));
    this.#directories.forget();
  }

  opaque(path: string): void {
    this.#directories.trim();
    const dir = this.#directories.at(path);
    this.#noteTime(dir);
    this.#clear(placeIn(dir, ""), dir.path);
    this.#directories.forget();
  }

  finish(): LaidOut {
    for (const [path, entry] of this.#named) this.#finishDirectory(path, (place) => setMetadata(this.#kernel, place, entry));
    for (const [path, time] of this.#times) {
      if (!this.#named.has(path)) this.#finishDirectory(path, (place) => this.#kernel.setTimes(place, time, time));
    }
    if (!this.#named.has("")) this.#resetRoot();
    const list = scanDirectory(this.#kernel, this.#upper, {
      overlayUpper: true,
      hashFiles: true,
      reuse: (path) => this.#digests.get(path),
    });
    return { list, impliedDirs: this.#named.has("") ? [] : [""], assumedDirs: [], needsParents: false };
  }

  close(): void {
    this.#directories.close();
  }

  /** A mounted root shows its upper's metadata, not the lower's: as when laid out alone, others have to say what it is. */
  #resetRoot(): void {
    const root = { path: "", type: "dir", mode: 0o755, uid: 0, gid: 0, size: 0, mtimeNs: 0n } as const;
    setDirectoryMetadata(this.#kernel, this.#upper, root);
    this.#kernel.setTimes(this.#upper, 0n, 0n);
  }

  #noteMadeDirectory(parent: OpenDirectory, path: string): void {
    this.#noteTime(parent);
    this.#times.set(path, 0n);
  }

  #noteTime(dir: OpenDirectory): void {
    if (!this.#times.has(dir.path)) this.#times.set(dir.path, dir.mtimeNs);
  }

  #locate(path: string): { readonly place: Place; readonly real: string } {
    if (path === "") throw layerCorrupt("its root is not a directory");
    this.#directories.trim();
    const dir = this.#directories.at(parentPath(path));
    const name = baseName(path);
    this.#noteTime(dir);
    return { place: placeIn(dir, name), real: joinPath(dir.path, name) };
  }

  /** Where to make something that is no directory. */
  #makeWay(path: string): { readonly place: Place; readonly real: string } {
    const { place, real } = this.#locate(path);
    const existing = statOrNothing(place);
    if (existing !== undefined) this.#remove(place, real, existing);
    this.#made.add(real);
    return { place: this.#placeAgain(real), real };
  }

  /** The place of a real path after something was removed and directories were forgotten. The text of the tar may lead elsewhere now. */
  #placeAgain(real: string): Place {
    const dir = this.#directories.existing(parentPath(real));
    if (dir === undefined) throw layerCorrupt(`"${real}" lies in a directory that is removed for it`);
    return placeIn(dir, baseName(real));
  }

  /** Unless it is gone by now, or is a link to another. */
  #finishDirectory(path: string, act: (place: Place) => void): void {
    this.#directories.trim();
    const dir = this.#directories.existing(path);
    if (dir?.path === path) act(placeIn(dir, ""));
  }

  #remove(place: Place, real: string, stat: BigIntStats): void {
    rmSync(place, { recursive: true });
    this.#made.delete(real, stat.isDirectory());
    this.#digests.delete(real);
    if (stat.isDirectory() || stat.isSymbolicLink()) this.#directories.forget();
    if (!stat.isDirectory()) return;
    for (const record of [this.#named, this.#times, this.#digests]) {
      for (const path of record.keys()) if (isWithin(path, real)) record.delete(path);
    }
  }

  /** Removes what is beneath a directory but for what this layer made. */
  #clear(place: Place, real: string): void {
    const stat = statOrNothing(place);
    if (stat?.isDirectory() !== true) return;
    for (const name of readdirSync(place, "buffer").map(decodePath)) this.#removeUnlessMade(joinPlace(place, name), joinPath(real, name));
  }

  /** A directory of a layer below stays when this layer made something in it: without the rest. */
  #removeUnlessMade(place: Place, real: string): void {
    if (this.#made.holds(real)) this.#clear(place, real);
    else rmSync(place, { recursive: true, force: true });
  }
}

/** A set of paths that knows in which directories it has some. */
class MadePaths {
  readonly #paths = new Set<string>();
  /** For each directory, how many of the paths lie beneath it. */
  readonly #within = new Map<string, number>();

  add(path: string): void {
    if (this.#paths.has(path)) return;
    this.#paths.add(path);
    this.#count(path, 1);
  }

  delete(path: string, isDirectory: boolean): void {
    if (!isDirectory) this.#drop(path);
    else for (const made of this.#paths) if (isWithin(made, path)) this.#drop(made);
  }

  /** Whether the path or one beneath it is in the set. */
  holds(path: string): boolean {
    return this.#paths.has(path) || (this.#within.get(path) ?? 0) > 0;
  }

  #drop(path: string): void {
    if (this.#paths.delete(path)) this.#count(path, -1);
  }

  #count(path: string, change: 1 | -1): void {
    for (let dir = parentPath(path); dir !== ""; dir = parentPath(dir)) this.#within.set(dir, (this.#within.get(dir) ?? 0) + change);
  }
}

function statOrNothing(place: Place): BigIntStats | undefined {
  try {
    return lstatSync(place, { bigint: true });
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}

function joinPlace(place: Place, name: string): Place {
  return typeof place === "string" ? encodePath(`${place}/${name}`) : Buffer.concat([place, pathBytes(`/${name}`)]);
}
