/**
 * What steps gave, by key. A hit reads one small file; the ingredients of the key, which only a miss needs and
 * which may be thousands, lie beside it and are read when `parts` is looked at.
 */
import { hash } from "node:crypto";
import { existsSync, rmSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import type { Json } from "../base/digest.js";
import { isErrno } from "../base/errors.js";
import { fieldError, optionalInteger, optionalList, optionalString, requiredDigest, requiredString } from "../image/json-fields.js";
import type { Fields } from "../image/json-fields.js";
import type { Durability } from "./durability.js";
import { readRecord, writeRecord } from "./record-file.js";
import { chainFrom } from "./snapshot-meta.js";
import type { TempSpace } from "./temp-space.js";
import { readdirOrNone } from "./temp-space.js";
import type { KeyPart, StepKey, StepRecord, StepRecords } from "./types.js";

export interface StepPlace {
  readonly stepsDir: string;
  readonly placesDir: string;
  readonly durability: Durability;
  readonly temp: TempSpace;
}

const KEPT_PER_PLACE = 16;
const KEY = /^[0-9a-f]{64}$/;

export function isStepKey(text: string): text is StepKey {
  return KEY.test(text);
}

type SmallRecord = Omit<StepRecord, "parts">;

/**
 * Records are facts (this key gave this result) and stay true whatever a power cut did to the result, which is
 * checked by itself; a torn one is noticed by its checksum.
 */
export class FileStepRecords implements StepRecords {
  readonly #place: StepPlace;

  constructor(place: StepPlace) {
    this.#place = place;
  }

  async get(key: StepKey): Promise<StepRecord | undefined> {
    const small = this.peek(key);
    return small === undefined ? undefined : this.#withParts(small);
  }

  /** The record without a way to its parts. */
  peek(key: StepKey): SmallRecord | undefined {
    return readRecord(this.#path(key), smallFrom)?.value;
  }

  #withParts(small: SmallRecord): StepRecord {
    const read = (): readonly KeyPart[] => readRecord(`${this.#path(small.key)}.parts`, partsFrom)?.value ?? [];
    let parts: readonly KeyPart[] | undefined;
    return {
      ...small,
      get parts() {
        return (parts ??= read());
      },
    };
  }

  /** Parts first: a record that is seen has them. */
  async put(keys: readonly StepKey[], record: StepRecord): Promise<void> {
    const { parts, ...small } = record;
    this.#write(`${this.#path(record.key)}.parts`, { parts: parts.map(({ name, value }) => [name, value]) });
    for (const key of new Set([...keys, record.key])) this.#write(this.#path(key), smallJson(small));
    this.#notePlace(record.place, record.key);
  }

  async alias(key: StepKey, record: StepRecord): Promise<void> {
    const small = this.peek(record.key);
    if (small !== undefined) this.#write(this.#path(key), smallJson(small));
  }

  async atPlace(place: string, limit: number): Promise<readonly StepRecord[]> {
    const found: StepRecord[] = [];
    for (const key of this.#keysAt(place)) {
      if (found.length >= limit) break;
      const small = this.peek(key);
      if (small !== undefined) found.push(this.#withParts(small));
    }
    return found;
  }

  /** Keys of all records. */
  *keys(): Generator<StepKey> {
    for (const folder of readdirOrNone(this.#place.stepsDir)) {
      for (const name of readdirOrNone(join(this.#place.stepsDir, folder))) if (isStepKey(name)) yield name;
    }
  }

  /** Paths of what a key has on disk; some may not be there. */
  pathsOf(key: StepKey): readonly string[] {
    return [this.#path(key), `${this.#path(key)}.parts`];
  }

  /** Removes places of which no record is left, and empty folders. A place that is written at the same moment costs an explanation at worst. */
  forgetEmptyPlaces(): void {
    const { placesDir, stepsDir } = this.#place;
    for (const folder of readdirOrNone(stepsDir)) removeIfEmpty(join(stepsDir, folder));
    for (const name of readdirOrNone(placesDir)) {
      const path = join(placesDir, name);
      const keys = readRecord(path, keysFrom)?.value ?? [];
      if (!keys.some((key) => existsSync(this.#path(key)))) rmSync(path, { force: true });
    }
  }

  #notePlace(place: string, key: StepKey): void {
    const keys = [key, ...this.#keysAt(place).filter((other) => other !== key)].slice(0, KEPT_PER_PLACE);
    this.#write(this.#placePath(place), { place, keys });
  }

  #keysAt(place: string): readonly StepKey[] {
    return readRecord(this.#placePath(place), keysFrom)?.value ?? [];
  }

  #write(path: string, value: Json): void {
    writeRecord(path, value, { stamp: this.#place.durability.now(), temporary: this.#place.temp.name() });
  }

  #path(key: StepKey): string {
    if (!isStepKey(key)) throw new Error(`Internal error: ${String(key)} is no step key`);
    return join(this.#place.stepsDir, key.slice(0, 2), key);
  }

  #placePath(place: string): string {
    return join(this.#place.placesDir, hash("sha256", place).slice(0, 32));
  }
}

function removeIfEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch (error) {
    if (!isErrno(error, "ENOTEMPTY", "EEXIST", "ENOENT", "ENOTDIR")) throw error;
  }
}

function keysFrom(fields: Fields): readonly StepKey[] {
  return optionalList(fields, "keys", stepKeyFrom) ?? [];
}

function smallJson({ key, identity, chain, place, name, createdAtMs, durationMs, logPath }: SmallRecord): Json {
  return { key, identity, chain, place, name, createdAtMs: Math.round(createdAtMs), durationMs: Math.round(durationMs), logPath };
}

function smallFrom(fields: Fields): SmallRecord {
  const logPath = optionalString(fields, "logPath");
  return {
    key: stepKeyFrom(requiredString(fields, "key"), "key"),
    identity: requiredDigest(fields, "identity"),
    chain: chainFrom(fields.object["chain"], "chain"),
    place: requiredString(fields, "place"),
    name: requiredString(fields, "name"),
    createdAtMs: optionalInteger(fields, "createdAtMs") ?? 0,
    durationMs: optionalInteger(fields, "durationMs") ?? 0,
    ...(logPath === undefined ? {} : { logPath }),
  };
}

function stepKeyFrom(value: unknown, path: string): StepKey {
  if (typeof value !== "string" || !isStepKey(value)) throw fieldError(path, "is no step key");
  return value;
}

function partsFrom(fields: Fields): readonly KeyPart[] {
  return (
    optionalList(fields, "parts", (pair, path): KeyPart => {
      if (!Array.isArray(pair)) throw fieldError(path, "is no pair");
      const [name, value]: readonly unknown[] = pair;
      if (typeof name !== "string" || typeof value !== "string") throw fieldError(path, "is no pair of texts");
      return { name, value };
    }) ?? []
  );
}
