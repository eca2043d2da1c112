/**
 * A lease says what a living process uses and what it would leave behind. Living means: it has its lease file
 * locked. The kernel drops that lock when the process dies, however it dies and in whatever pid namespace it is.
 */
import { randomBytes } from "node:crypto";
import { closeSync, openSync, readFileSync, unlinkSync, writeSync } from "node:fs";
import { join } from "node:path";
import { isErrno } from "../base/errors.js";
import type { Kernel } from "../sys/types.js";
import { isStillAt, lockFile, tryLockFile } from "./flock-file.js";
import type { LeaseContent } from "./lease-file.js";
import { holdLine, ownLine, parseLease, processLine, resourceKey } from "./lease-file.js";
import { readdirOrNone } from "./temp-space.js";
import type { Lease, OwnedResource } from "./types.js";

export interface LeasePlace {
  /** Folder of the leases. */
  readonly dir: string;
  /** Whoever adds to a lease shares this lock; whoever removes by what leases say has it alone. */
  readonly gate: string;
  readonly kernel: Kernel;
}

/** This store object's own lease: the file is made when there is something to say. */
export class OwnLease implements Lease {
  readonly #place: LeasePlace;
  readonly #bootId: () => string;
  readonly #held = new Set<string>();
  readonly #owned = new Set<string>();
  #id: string = newId();
  #fd: number | undefined;

  constructor(place: LeasePlace, bootId: () => string) {
    this.#place = place;
    this.#bootId = bootId;
  }

  get id(): string {
    return this.#id;
  }

  /** Makes the file if there is none. Returns the id. */
  ensure(): string {
    this.#fd ??= this.#create();
    return this.#id;
  }

  /** Hold first, look afterwards: what is there after this stays there. */
  async hold(...things: readonly string[]): Promise<void> {
    const added = things.filter((thing) => !this.#held.has(thing));
    if (added.length === 0) return;
    this.ensure();
    const gate = await lockFile(this.#place.kernel, this.#place.gate, { mode: "shared" });
    try {
      this.#append(holdLine(added));
      for (const thing of added) this.#held.add(thing);
    } finally {
      closeSync(gate);
    }
  }

  async own(resource: OwnedResource): Promise<void> {
    this.#append(ownLine("own", resource));
    this.#owned.add(resourceKey(resource));
  }

  async release(resource: OwnedResource): Promise<void> {
    if (!this.#owned.delete(resourceKey(resource))) return;
    this.#append(ownLine("release", resource));
  }

  /** What is still owned is left to the next command, which finds the lease unlocked. */
  async [Symbol.asyncDispose](): Promise<void> {
    const fd = this.#fd;
    if (fd === undefined) return;
    this.#fd = undefined;
    if (this.#owned.size === 0) unlinkIfThere(join(this.#place.dir, this.#id));
    closeSync(fd);
    this.#held.clear();
    this.#owned.clear();
    this.#id = newId();
  }

  #append(text: string): void {
    this.ensure();
    if (this.#fd !== undefined) writeSync(this.#fd, text);
  }

  /** Somebody who cleans up may see the file before it is locked, take it for a dead one and remove it: then another id. */
  #create(): number {
    for (;;) {
      const fd = tryLockFile(this.#place.kernel, join(this.#place.dir, this.#id), "exclusive");
      if (fd !== undefined) {
        writeSync(fd, processLine(this.#bootId()));
        return fd;
      }
      this.#id = newId();
    }
  }
}

function newId(): string {
  return randomBytes(8).toString("hex");
}

export interface DeadLease extends LeaseContent {
  readonly id: string;
  /** Removes the file: everything it names is gone. */
  finish(): void;
  /** Lets the next command try. Does nothing after `finish`. */
  close(): void;
}

/** Leases whose process is gone, each locked by the caller until closed. `ownId` is left out. */
export function* deadLeases({ dir, kernel }: LeasePlace, ownId: string): Generator<DeadLease> {
  for (const id of readdirOrNone(dir)) {
    if (id === ownId) continue;
    const lease = openDead(join(dir, id), id, kernel);
    if (lease === undefined) continue;
    try {
      yield lease;
    } finally {
      lease.close();
    }
  }
}

function openDead(path: string, id: string, kernel: Kernel): DeadLease | undefined {
  let fd: number | undefined = openIfThere(path);
  if (fd === undefined) return undefined;
  const close = (): void => {
    if (fd !== undefined) closeSync(fd);
    fd = undefined;
  };
  if (!kernel.tryFlock(fd, "exclusive") || !isStillAt(path, fd)) {
    close();
    return undefined;
  }
  return { id, ...parseLease(readFileSync(fd, "utf8")), finish: () => unlinkIfThere(path), close };
}

/** Everything that leases hold, the dead ones' included: they are void once recovery has been there. */
export function heldThings({ dir }: LeasePlace): ReadonlySet<string> {
  const held = new Set<string>();
  for (const id of readdirOrNone(dir)) {
    for (const thing of readIfThere(join(dir, id))) held.add(thing);
  }
  return held;
}

function readIfThere(path: string): readonly string[] {
  try {
    return parseLease(readFileSync(path, "utf8")).held;
  } catch (error) {
    if (isErrno(error, "ENOENT")) return [];
    throw error;
  }
}

function openIfThere(path: string): number | undefined {
  try {
    return openSync(path, "r+");
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}

function unlinkIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (!isErrno(error, "ENOENT")) throw error;
  }
}
