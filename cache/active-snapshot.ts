import { chmodSync, mkdirSync, renameSync, rmdirSync, writeFileSync } from "node:fs";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { isErrno } from "../base/errors.js";
import { encodeFileList } from "../image/layer/file-list.js";
import { isSnapshotName, metaJson } from "./snapshot-meta.js";
import type { SnapshotPlace } from "./snapshot-store.js";
import { writeRecord } from "./record-file.js";
import type { ActiveSnapshot, CommitFacts, SnapshotName } from "./types.js";

/** `fs`, `work` and `mnt` in a temporary folder, which becomes the snapshot by one rename. */
export class PreparedSnapshot implements ActiveSnapshot {
  readonly fs: string;
  readonly work: string;
  readonly mountpoint: string;
  readonly #dir: string;
  readonly #place: SnapshotPlace;
  readonly #publish: (dir: string, name: SnapshotName) => Promise<boolean>;
  #isDone = false;
  /** Settles with a commit under way, and never rejects. */
  #committing: Promise<unknown> | undefined;

  /** `publish` renames the folder into place, or says false when the name is taken by a whole snapshot. */
  constructor(place: SnapshotPlace, publish: (dir: string, name: SnapshotName) => Promise<boolean>) {
    this.#place = place;
    this.#publish = publish;
    this.#dir = place.temp.folder();
    this.fs = join(this.#dir, "fs");
    this.work = join(this.#dir, "work");
    this.mountpoint = join(this.#dir, "mnt");
    for (const path of [this.fs, this.work, this.mountpoint]) mkdirSync(path);
    // The layer's own root folder: what `/` is like in the container.
    chmodSync(this.fs, 0o755);
  }

  commit(facts: CommitFacts): Promise<SnapshotName> {
    const committing = this.#commit(facts);
    this.#committing = committing.catch(() => undefined);
    return committing;
  }

  async #commit(facts: CommitFacts): Promise<SnapshotName> {
    if (this.#isDone) throw new Error("Internal error: the snapshot was committed or dropped already");
    const name = facts.name ?? newName();
    if (!isSnapshotName(name)) throw new Error(`Internal error: ${String(name)} can't name a snapshot`);
    this.#removeMountpoint();
    this.#place.temp.remove(this.work);
    this.#writeFiles(facts.files);
    this.#writeMeta(name, facts);
    if (await this.#publish(this.#dir, name)) {
      this.#isDone = true;
      this.#place.temp.forget(this.#dir);
    } else {
      this.#drop();
    }
    return name;
  }

  /** Unmounting is the business of whoever mounted. */
  #removeMountpoint(): void {
    try {
      rmdirSync(this.mountpoint);
    } catch (error) {
      if (isErrno(error, "EBUSY", "ENOTEMPTY"))
        throw new Error(`Internal error: ${this.mountpoint} is still mounted at commit`, { cause: error });
      if (!isErrno(error, "ENOENT")) throw error;
    }
  }

  #writeFiles(files: CommitFacts["files"]): void {
    const path = join(this.#dir, "files");
    if ("encodedAt" in files) renameSync(files.encodedAt, path);
    else writeFileSync(path, encodeFileList(files), { mode: 0o600 });
  }

  #writeMeta(name: SnapshotName, { diffId, blob, sizeBytes, isEmpty }: CommitFacts): void {
    const blobs = blob === undefined ? {} : { [blob[0]]: blob[1] };
    const meta = { name, blobs, sizeBytes, isEmpty, createdAtMs: Date.now(), ...(diffId === undefined ? {} : { diffId }) };
    writeRecord(join(this.#dir, "meta"), metaJson(meta), { stamp: this.#place.durability.now(), temporary: join(this.#dir, "meta.new") });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // `return active.commit(…)` leaves the scope before the commit is over.
    await this.#committing;
    if (!this.#isDone) this.#drop();
  }

  #drop(): void {
    this.#isDone = true;
    this.#place.temp.remove(this.#dir);
  }
}

function newName(): SnapshotName {
  const name = randomBytes(16).toString("hex");
  if (!isSnapshotName(name)) throw new Error("Internal error: hex names a snapshot");
  return name;
}
