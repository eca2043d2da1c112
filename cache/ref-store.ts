/**
 * Names of images. Beside the record of a name lies the one before it, as long as the newer one could still be
 * lost in a power cut.
 */
import { hash } from "node:crypto";
import { rmSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { isErrno } from "../base/errors.js";
import type { Durability, Stamp } from "./durability.js";
import type { ImageParts } from "./image-check.js";
import { isImageWhole } from "./image-check.js";
import type { NamedImage } from "./image-record.js";
import { namedImageFrom, namedImageJson } from "./image-record.js";
import type { Stored } from "./record-file.js";
import { readRecord, writeRecord } from "./record-file.js";
import type { TempSpace } from "./temp-space.js";
import { readdirOrNone } from "./temp-space.js";
import type { ImageRecord, RefStore } from "./types.js";

export interface RefPlace extends ImageParts {
  readonly dir: string;
  readonly durability: Durability;
  readonly temp: TempSpace;
  readonly onNote: (message: string) => void;
}

const FORMER = ".former";

export class FileRefStore implements RefStore {
  readonly #place: RefPlace;

  constructor(place: RefPlace) {
    this.#place = place;
  }

  async get(name: string): Promise<ImageRecord | undefined> {
    return (await this.#resolve(this.#path(name)))?.record;
  }

  async set(name: string, record: ImageRecord): Promise<void> {
    const path = this.#path(name);
    this.#keepFormer(path, record);
    this.#write(path, { name, record }, this.#place.durability.now());
  }

  async delete(name: string): Promise<boolean> {
    const path = this.#path(name);
    rmSync(path + FORMER, { force: true });
    try {
      unlinkSync(path);
      return true;
    } catch (error) {
      if (isErrno(error, "ENOENT")) return false;
      throw error;
    }
  }

  async list(): Promise<readonly NamedImage[]> {
    const found: NamedImage[] = [];
    for (const path of this.#paths()) {
      const image = await this.#resolve(path);
      if (image !== undefined) found.push(image);
    }
    return found.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** All that a name may still come to mean: its record, and the former one while that may be needed. Drops what is not. */
  claimed(): readonly NamedImage[] {
    return this.#paths().flatMap((path) => {
      const current = readRecord(path, namedImageFrom);
      if (current !== undefined && this.#place.durability.isSynced(current.stamp)) {
        rmSync(path + FORMER, { force: true });
        return [current.value];
      }
      return [current, readRecord(path + FORMER, namedImageFrom)].flatMap((stored) => (stored === undefined ? [] : [stored.value]));
    });
  }

  /** The record that is good, proved if it has to be. */
  async #resolve(path: string): Promise<NamedImage | undefined> {
    const current = readRecord(path, namedImageFrom);
    if (current !== undefined && this.#place.durability.isGood(current.stamp)) return current.value;
    if (current !== undefined && (await this.#accept(path, current))) return current.value;
    const former = readRecord(path + FORMER, namedImageFrom);
    if (former === undefined || !(await this.#accept(path, former))) return undefined;
    this.#place.onNote(
      `${former.value.name}: the newest image did not survive the last shutdown; the one before it (${former.value.record.id}) is used`,
    );
    return former.value;
  }

  async #accept(path: string, { value }: Stored<NamedImage>): Promise<boolean> {
    if (!(await isImageWhole(value.record, this.#place))) return false;
    this.#write(path, value, this.#place.durability.verified());
    return true;
  }

  /** The last one that is known to be safe; when none is, the one that is about to be replaced. */
  #keepFormer(path: string, next: ImageRecord): void {
    const current = readRecord(path, namedImageFrom);
    if (current === undefined || current.value.record.id === next.id) return;
    const isSafe = this.#place.durability.isSynced(current.stamp);
    if (isSafe || readRecord(path + FORMER, namedImageFrom) === undefined) this.#write(path + FORMER, current.value, current.stamp);
  }

  #write(path: string, image: NamedImage, stamp: Stamp): void {
    writeRecord(path, namedImageJson(image), { stamp, temporary: this.#place.temp.name() });
  }

  #paths(): readonly string[] {
    const { dir } = this.#place;
    // A former record without a newer one is what a lost rename looks like.
    const names = new Set(readdirOrNone(dir).map((name) => (name.endsWith(FORMER) ? name.slice(0, -FORMER.length) : name)));
    return [...names].map((name) => join(dir, name));
  }

  #path(name: string): string {
    return join(this.#place.dir, hash("sha256", name).slice(0, 40));
  }
}
