import { lstatSync, readFileSync, renameSync, rmSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { TsbuildError, isErrno } from "../base/errors.js";
import { decodeFileList } from "../image/layer/file-list.js";
import type { FileList } from "../image/types.js";
import { PreparedSnapshot } from "./active-snapshot.js";
import type { Durability } from "./durability.js";
import type { Stored } from "./record-file.js";
import { readRecord, renameMaking, writeRecord } from "./record-file.js";
import { findDamage } from "./snapshot-check.js";
import { isSnapshotName, metaFrom, metaJson } from "./snapshot-meta.js";
import type { TempSpace } from "./temp-space.js";
import { readdirOrNone } from "./temp-space.js";
import type { ActiveSnapshot, Chain, Lease, Locks, SnapshotMeta, SnapshotName, SnapshotStore } from "./types.js";

export interface SnapshotPlace {
  /** `snapshots` of the store. */
  readonly dir: string;
  readonly durability: Durability;
  readonly temp: TempSpace;
  readonly lease: Lease;
  readonly locks: Locks;
  /** Told of what was found damaged and dropped. */
  readonly onNote: (message: string) => void;
}

/** A use is noted by the record's mtime, no more often than this. */
const USE_NOTED_EVERY_MS = 60 * 60 * 1000;

/** Snapshots as folders `NAME/{fs,files,meta}`. What this store object commits it also holds. */
export class FileSnapshotStore implements SnapshotStore {
  readonly #place: SnapshotPlace;
  /** Never changes once it is known. */
  readonly #emptiness = new Map<SnapshotName, boolean>();

  constructor(place: SnapshotPlace) {
    this.#place = place;
  }

  /** Suspect snapshots are compared with their lists now, once. */
  async hasAll(chain: Chain): Promise<boolean> {
    for (const name of chain) {
      if (!(await this.#isWhole(name))) return false;
    }
    return true;
  }

  async #isWhole(name: SnapshotName): Promise<boolean> {
    const stored = this.#read(name);
    if (stored === undefined || lstatSync(this.directory(name), { throwIfNoEntry: false })?.isDirectory() !== true) return false;
    if (!this.#place.durability.isGood(stored.stamp)) return this.#verify(name, stored.value);
    this.#noteUse(name);
    return true;
  }

  async #verify(name: SnapshotName, meta: SnapshotMeta): Promise<boolean> {
    const damage = await findDamage(this.#folder(name));
    if (damage === undefined) {
      this.#write(meta, this.#place.durability.verified());
      return true;
    }
    this.#place.onNote(`snapshot ${name} did not survive the last shutdown and is made again: ${damage}`);
    await this.delete(name);
    return false;
  }

  prepare(): Promise<ActiveSnapshot> {
    return Promise.resolve(new PreparedSnapshot(this.#place, (dir, name) => this.#publish(dir, name)));
  }

  async #publish(dir: string, name: SnapshotName): Promise<boolean> {
    await this.#place.lease.hold(`snapshot/${name}`);
    const target = this.#folder(name);
    for (;;) {
      if (this.#renameNew(dir, target)) return true;
      if (await this.#isWhole(name)) return false;
      await this.delete(name);
    }
  }

  /** A snapshot is never an empty folder, so that rename refuses to replace one. */
  #renameNew(dir: string, target: string): boolean {
    try {
      renameMaking(dir, target);
      return true;
    } catch (error) {
      if (isErrno(error, "ENOTEMPTY", "EEXIST")) return false;
      throw error;
    }
  }

  async meta(name: SnapshotName): Promise<SnapshotMeta> {
    return this.#require(name).value;
  }

  /** As `meta`, undefined when it isn't there. */
  async find(name: SnapshotName): Promise<SnapshotMeta | undefined> {
    return this.#read(name)?.value;
  }

  async annotate(name: SnapshotName, facts: Parameters<SnapshotStore["annotate"]>[1]): Promise<void> {
    await using _lock = await this.#place.locks.acquire(`annotate ${name}`, { signal: new AbortController().signal });
    const { value: meta, stamp } = this.#require(name);
    const blobs = facts.blob === undefined ? meta.blobs : { ...meta.blobs, [facts.blob[0]]: facts.blob[1] };
    // The stamp stays: it says when the folder was written, which this doesn't touch.
    this.#write({ ...meta, blobs, ...(facts.diffId === undefined ? {} : { diffId: facts.diffId }) }, stamp);
  }

  directory(name: SnapshotName): string {
    return join(this.#folder(name), "fs");
  }

  listPath(name: SnapshotName): string {
    return join(this.#folder(name), "files");
  }

  async files(name: SnapshotName): Promise<FileList> {
    try {
      return decodeFileList(readFileSync(join(this.#folder(name), "files")));
    } catch (error) {
      if (!isErrno(error, "ENOENT", "EIO", "EISDIR") && !(error instanceof TsbuildError && error.code === "FILE_LIST_CORRUPT")) throw error;
      // Without its list it is of no use; without its record it is a miss for the next build.
      rmSync(join(this.#folder(name), "meta"), { force: true });
      throw missing(name, error);
    }
  }

  async lowers(chain: Chain): Promise<readonly string[]> {
    const filled = chain.filter((name) => !this.#isEmpty(name));
    return filled.map((name) => this.directory(name)).reverse();
  }

  #isEmpty(name: SnapshotName): boolean {
    let isEmpty = this.#emptiness.get(name);
    if (isEmpty === undefined) this.#emptiness.set(name, (isEmpty = this.#require(name).value.isEmpty));
    return isEmpty;
  }

  async delete(name: SnapshotName): Promise<void> {
    const hidden = this.hide(name);
    if (hidden !== undefined) this.#place.temp.remove(hidden);
  }

  /** Out of sight at once, by a rename: the temporary folder it is now, for the caller to remove. */
  hide(name: SnapshotName): string | undefined {
    this.#emptiness.delete(name);
    const hidden = this.#place.temp.name();
    try {
      renameSync(this.#folder(name), hidden);
      return hidden;
    } catch (error) {
      if (isErrno(error, "ENOENT")) return undefined;
      throw error;
    }
  }

  async list(): Promise<readonly SnapshotName[]> {
    return readdirOrNone(this.#place.dir).filter(isSnapshotName);
  }

  /** Milliseconds since 1970, within an hour; undefined when it isn't there. */
  lastUsedMs(name: SnapshotName): number | undefined {
    return lstatSync(this.#metaPath(name), { throwIfNoEntry: false })?.mtimeMs;
  }

  #noteUse(name: SnapshotName): void {
    const lastUsed = this.lastUsedMs(name);
    if (lastUsed === undefined || Date.now() - lastUsed < USE_NOTED_EVERY_MS) return;
    const now = new Date();
    try {
      utimesSync(this.#metaPath(name), now, now);
    } catch (error) {
      if (!isErrno(error, "ENOENT")) throw error;
    }
  }

  #folder(name: SnapshotName): string {
    if (!isSnapshotName(name)) throw new Error(`Internal error: ${String(name)} can't name a snapshot`);
    return join(this.#place.dir, name);
  }

  #metaPath(name: SnapshotName): string {
    return join(this.#folder(name), "meta");
  }

  #read(name: SnapshotName): Stored<SnapshotMeta> | undefined {
    return readRecord(this.#metaPath(name), metaFrom);
  }

  #require(name: SnapshotName): Stored<SnapshotMeta> {
    const stored = this.#read(name);
    if (stored === undefined) throw missing(name);
    return stored;
  }

  #write(meta: SnapshotMeta, stamp: Stored<unknown>["stamp"]): void {
    writeRecord(this.#metaPath(meta.name), metaJson(meta), { stamp, temporary: this.#place.temp.name() });
  }
}

function missing(name: SnapshotName, cause?: unknown): TsbuildError {
  return new TsbuildError("SNAPSHOT_MISSING", `snapshot ${name} is missing or damaged`, {
    cause,
    hint: "build again: what is missing is made anew",
  });
}
