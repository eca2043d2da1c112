/** Remembers the checksums of a context's files, so that a file that has not changed since is not read again. */
import { hash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Digest } from "../base/digest.js";
import { isErrno } from "../base/errors.js";
import { publishFile } from "./record-file.js";
import type { FileState, Hash64, StatEntry, StatTable } from "./stat-cache-format.js";
import { decodeStatTable, encodeStatTable } from "./stat-cache-format.js";
import type { Store } from "./store.js";

export type { FileState } from "./stat-cache-format.js";

/** A file that changed again within one tick of the clock looks unchanged. Filesystems that count nanoseconds tick every 10 ms at most. */
const TICK_NS = 50_000_000n;
/** Where times are whole milliseconds or coarser, the tick may be two seconds (FAT). */
const COARSE_TICK_NS = 2_000_000_000n;
const NS_PER_MS = 1_000_000n;

/** Files are asked for in the order of the last run, or nearly so: this far ahead is looked before a map is made. */
const LOOK_AHEAD = 8;

interface Note extends StatEntry {
  readonly isSettled: boolean;
}

/** One per context folder. Not for use by two threads at a time; the last process to save wins. */
export class StatCache {
  readonly #store: Store;
  readonly #path: string;
  readonly #table: StatTable | undefined;
  readonly #noted = new Map<string, Note>();
  /** What to write, in the order in which it was asked for: indices of the table, and paths of notes. */
  readonly #order: (number | string)[] = [];
  /** All that is noted here was read later than this. */
  readonly #loadedNs: bigint = BigInt(Date.now()) * NS_PER_MS;
  #indexOf: ReadonlyMap<string, number> | undefined;
  #next = 0;
  #isDirty = false;

  private constructor(store: Store, path: string, table: StatTable | undefined) {
    this.#store = store;
    this.#path = path;
    this.#table = table;
  }

  /** `contextPath`: absolute, links resolved. A cache that looks wrong in any way is empty. */
  static async load(store: Store, contextPath: string): Promise<StatCache> {
    const path = store.path("stat", hash("sha256", contextPath).slice(0, 32));
    const bytes = readOrNone(path);
    return new StatCache(store, path, bytes === undefined ? undefined : decodeStatTable(bytes, await loadHash64()));
  }

  /** The checksum of the file's content, if its state is what it was when that was noted. `path` is relative to the context. */
  get(path: string, state: FileState): Digest | undefined {
    const noted = this.#noted.size === 0 ? undefined : this.#noted.get(path);
    if (noted !== undefined) return sameState(noted.state, state) ? noted.digest : undefined;
    const index = this.#find(path);
    if (index === undefined || this.#table?.matches(index, state) !== true) return undefined;
    this.#order.push(index);
    return this.#table.digest(index);
  }

  #find(path: string): number | undefined {
    const paths = this.#table?.paths ?? [];
    for (let index = this.#next; index < this.#next + LOOK_AHEAD; index++) {
      if (paths[index] !== path) continue;
      this.#next = index + 1;
      return index;
    }
    this.#indexOf ??= new Map(paths.map((name, index) => [name, index]));
    const index = this.#indexOf.get(path);
    if (index !== undefined) this.#next = index + 1;
    return index;
  }

  /** `state` is from before the content was read: a change meanwhile then shows. */
  set(path: string, { size, mtimeNs, ctimeNs, ino, dev }: FileState, digest: Digest): void {
    const state = { size, mtimeNs, ctimeNs, ino, dev };
    this.#noted.set(path, { path, state, digest, isSettled: isSettled(state, this.#loadedNs) });
    this.#order.push(path);
    this.#isDirty = true;
  }

  /** Writes if something was set. What was neither asked for nor set in this run is dropped, and so is what may still have been changing. */
  async save(): Promise<void> {
    if (!this.#isDirty) return;
    publishFile(this.#path, encodeStatTable([...this.#entries()], await loadHash64()), this.#store.temp.name());
    this.#isDirty = false;
  }

  *#entries(): Generator<StatEntry> {
    const written = new Set<string>();
    for (const item of this.#order) {
      const path = typeof item === "string" ? item : (this.#table?.paths[item] ?? "");
      if (written.has(path)) continue;
      written.add(path);
      const note = this.#noted.get(path);
      if (note?.isSettled === true) yield note;
      if (note === undefined && this.#table !== undefined && typeof item === "number")
        yield { path, state: this.#table.state(item), digest: this.#table.digest(item) };
    }
  }
}

async function loadHash64(): Promise<Hash64> {
  const { default: xxhash } = await import("xxhash-wasm");
  return (await xxhash()).h64Raw;
}

function sameState(a: FileState, b: FileState): boolean {
  return a.mtimeNs === b.mtimeNs && a.ctimeNs === b.ctimeNs && a.size === b.size && a.ino === b.ino && a.dev === b.dev;
}

/**
 * Whether a write after `nowNs`, from when on the content was read, would have left other times than these. If not,
 * the file is what git calls racily clean. A modification time that somebody set to the future says nothing.
 */
export function isSettled({ mtimeNs, ctimeNs }: Pick<FileState, "mtimeNs" | "ctimeNs">, nowNs: bigint): boolean {
  const tick = ctimeNs % NS_PER_MS === 0n ? COARSE_TICK_NS : TICK_NS;
  return ctimeNs < nowNs - tick && (mtimeNs < nowNs - tick || mtimeNs > nowNs + COARSE_TICK_NS);
}

function readOrNone(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch (error) {
    if (isErrno(error, "ENOENT", "EIO", "EISDIR")) return undefined;
    throw error;
  }
}
