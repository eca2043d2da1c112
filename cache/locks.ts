import { closeSync, ftruncateSync, readFileSync, unlinkSync, writeSync } from "node:fs";
import { hash } from "node:crypto";
import { join } from "node:path";
import { isErrno } from "../base/errors.js";
import type { Kernel } from "../sys/types.js";
import { lockFile, tryLockFile } from "./flock-file.js";
import type { Locks } from "./types.js";

/** What others read in the file while they wait. The launcher says by `TSBUILD_HOST_PID` what this process is called outside its pid namespace. */
function ownerText(): string {
  return `process ${process.env["TSBUILD_HOST_PID"] ?? process.pid}`;
}

/** The kernel lets go when a process dies, in whatever pid namespace: no lock is ever stale. */
export class FileLocks implements Locks {
  readonly #dir: string;
  readonly #kernel: Kernel;

  constructor(dir: string, kernel: Kernel) {
    this.#dir = dir;
    this.#kernel = kernel;
  }

  async acquire(
    name: string,
    { signal, onWait }: { readonly signal: AbortSignal; readonly onWait?: (owner: string) => void },
  ): Promise<AsyncDisposable> {
    const path = this.#path(name);
    return hold(path, await lockFile(this.#kernel, path, { mode: "exclusive", signal, onWait: () => onWait?.(readOwner(path)) }));
  }

  async tryAcquire(name: string): Promise<AsyncDisposable | undefined> {
    const path = this.#path(name);
    const fd = tryLockFile(this.#kernel, path, "exclusive");
    return fd === undefined ? undefined : hold(path, fd);
  }

  #path(name: string): string {
    return join(this.#dir, hash("sha256", name).slice(0, 32));
  }
}

function hold(path: string, fd: number): AsyncDisposable {
  writeOwner(fd);
  let isHeld = true;
  return {
    [Symbol.asyncDispose]() {
      if (isHeld) {
        isHeld = false;
        // Removed while it is held: those who wait notice that their file has lost its name, and open the next.
        removeQuietly(path);
        closeSync(fd);
      }
      return Promise.resolve();
    },
  };
}

/** For messages only: a full disk must not take the lock away. */
function writeOwner(fd: number): void {
  try {
    ftruncateSync(fd, 0);
    writeSync(fd, ownerText(), 0);
  } catch (error) {
    if (!isErrno(error, "ENOSPC", "EDQUOT")) throw error;
  }
}

function removeQuietly(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (!isErrno(error, "ENOENT")) throw error;
  }
}

/** Somebody who has only just got it has not written yet. */
function readOwner(path: string): string {
  try {
    return readFileSync(path, "utf8") || "another process";
  } catch (error) {
    if (isErrno(error, "ENOENT")) return "another process";
    throw error;
  }
}
