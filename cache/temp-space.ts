/** Temporary names that say whose they are, so that what a killed process left behind is found. */
import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { threadId } from "node:worker_threads";
import { isErrno } from "../base/errors.js";
import type { Kernel } from "../sys/types.js";
import { removeTree } from "./remove-tree.js";

export class TempSpace {
  readonly #dir: string;
  readonly #kernel: Kernel;
  readonly #ensureLease: () => string;
  readonly #folders = new Set<string>();
  #count = 0;

  /** `ensureLease` gives the id of the lease that answers for the names; it exists from then on. */
  constructor(dir: string, kernel: Kernel, ensureLease: () => string) {
    this.#dir = dir;
    this.#kernel = kernel;
    this.#ensureLease = ensureLease;
  }

  /** A name nobody else uses, `LEASE-PID-THREAD-NUMBER`. Nothing is there yet. */
  name(): string {
    return join(this.#dir, `${this.#ensureLease()}-${process.pid}-${threadId}-${this.#count++}`);
  }

  /** A new empty folder, removed by `remove` or at the latest by `removeAll`. */
  folder(): string {
    const path = this.name();
    mkdirSync(path, { recursive: true, mode: 0o700 });
    this.#folders.add(path);
    return path;
  }

  remove(path: string): void {
    removeTree(this.#kernel, path);
    this.#folders.delete(path);
  }

  /** To be told when a folder has been renamed to its place. */
  forget(path: string): void {
    this.#folders.delete(path);
  }

  removeAll(): void {
    for (const path of this.#folders) this.remove(path);
  }
}

/** Removes what `isAbandoned` says of the temporary names, given the lease in each. Returns how many. */
export function sweepTemp(dir: string, kernel: Kernel, isAbandoned: (leaseId: string) => boolean): number {
  const names = readdirOrNone(dir).filter((name) => isAbandoned(name.split("-")[0] ?? ""));
  for (const name of names) removeTree(kernel, join(dir, name));
  return names.length;
}

export function readdirOrNone(dir: string): readonly string[] {
  try {
    return readdirSync(dir);
  } catch (error) {
    if (isErrno(error, "ENOENT")) return [];
    throw error;
  }
}
