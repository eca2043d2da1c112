/**
 * What survives a power cut. Nothing is synced one by one: each record says in which boot and when it was written,
 * and each boot has one mark that says up to when all was synced. What is neither of this boot nor before its
 * boot's mark is *suspect*: whole in all likelihood, and checked before its first use.
 */
import { closeSync, constants, fsyncSync, openSync, readFileSync, writeSync } from "node:fs";
import { hash } from "node:crypto";
import { join } from "node:path";
import { isErrno } from "../base/errors.js";
import type { Kernel } from "../sys/types.js";
import { readBootId, sinceBootMs } from "./boot-id.js";

export interface Stamp {
  readonly bootId: string;
  /** Milliseconds on that boot's clock. */
  readonly atMs: number;
  /** True when it was checked after a reboot: what it stands for came from the disk. */
  readonly isVerified?: true | undefined;
}

export class Durability {
  readonly #dir: string;
  readonly #kernel: Kernel;
  readonly #marks = new Map<string, number>();
  #bootId: string | undefined;

  constructor(dir: string, kernel: Kernel) {
    this.#dir = dir;
    this.#kernel = kernel;
  }

  get bootId(): string {
    return (this.#bootId ??= readBootId());
  }

  /** To be taken after what it vouches for was written. */
  now(): Stamp {
    return { bootId: this.bootId, atMs: sinceBootMs() };
  }

  verified(): Stamp {
    return { ...this.now(), isVerified: true };
  }

  /** True when what the stamp stands for can't have been lost. */
  isGood(stamp: Stamp): boolean {
    return stamp.bootId === this.bootId || this.isSynced(stamp);
  }

  /** True when it would survive a power cut right now. */
  isSynced(stamp: Stamp): boolean {
    return stamp.isVerified === true || stamp.atMs < this.#markOf(stamp.bootId);
  }

  /** One syncfs of the store's filesystem, then the mark. Takes as long as the disk needs, beside other work. */
  async sync(): Promise<void> {
    const before = sinceBootMs();
    const fd = openSync(this.#dir, constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      await this.#kernel.syncfsAsync(fd);
    } finally {
      closeSync(fd);
    }
    if (before > this.#readMark(this.bootId)) this.#writeMark(before);
  }

  #markOf(bootId: string): number {
    let mark = this.#marks.get(bootId);
    if (mark === undefined) this.#marks.set(bootId, (mark = this.#readMark(bootId)));
    return mark;
  }

  #path(bootId: string): string {
    return join(this.#dir, "synced", bootId);
  }

  #readMark(bootId: string): number {
    if (!/^[\w-]{1,64}$/.test(bootId)) return 0;
    try {
      const [time = "", check] = readFileSync(this.#path(bootId), "latin1").trim().split(" ");
      return check === checkOf(bootId, time) ? Number(time) : 0;
    } catch (error) {
      if (isErrno(error, "ENOENT")) return 0;
      throw error;
    }
  }

  /** In place and of constant length, and synced: the mark is worth nothing if it doesn't survive itself. */
  #writeMark(atMs: number): void {
    const time = String(atMs).padStart(15, "0");
    const fd = openSync(this.#path(this.bootId), constants.O_WRONLY | constants.O_CREAT, 0o600);
    try {
      writeSync(fd, `${time} ${checkOf(this.bootId, time)}\n`, 0);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    this.#marks.set(this.bootId, atMs);
  }
}

function checkOf(bootId: string, time: string): string {
  return hash("sha256", `${bootId} ${time}`).slice(0, 16);
}
