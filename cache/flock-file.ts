/** Lock files: flock, tried again by a timer, never waited for in a thread. */
import { closeSync, constants, fstatSync, mkdirSync, openSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { isErrno } from "../base/errors.js";
import type { Kernel } from "../sys/types.js";

const FIRST_WAIT_MS = 5;
const LONGEST_WAIT_MS = 100;

export type LockMode = "exclusive" | "shared";

/** An fd that has the lock, or undefined when somebody else has it. */
export function tryLockFile(kernel: Kernel, path: string, mode: LockMode): number | undefined {
  for (;;) {
    const fd = openMaking(path);
    let isKept = false;
    try {
      if (!kernel.tryFlock(fd, mode)) return undefined;
      // Whoever had it before may have removed the file: then this lock is on something nobody else can find.
      isKept = isStillAt(path, fd);
      if (isKept) return fd;
    } finally {
      if (!isKept) closeSync(fd);
    }
  }
}

function openMaking(path: string): number {
  const flags = constants.O_RDWR | constants.O_CREAT;
  try {
    return openSync(path, flags, 0o600);
  } catch (error) {
    if (!isErrno(error, "ENOENT")) throw error;
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    return openSync(path, flags, 0o600);
  }
}

/** True when the file that is open is the one the path names. */
export function isStillAt(path: string, fd: number): boolean {
  const named = statSync(path, { throwIfNoEntry: false, bigint: true });
  const open = fstatSync(fd, { bigint: true });
  return named !== undefined && named.ino === open.ino && named.dev === open.dev;
}

export interface WaitOptions {
  readonly mode: LockMode;
  readonly signal?: AbortSignal | undefined;
  /** Called once, after the first attempt failed. */
  readonly onWait?: (() => void) | undefined;
}

/** Waits for the lock with growing pauses. Rejects with `signal.reason`. */
export async function lockFile(kernel: Kernel, path: string, { mode, signal, onWait }: WaitOptions): Promise<number> {
  signal?.throwIfAborted();
  for (let wait = FIRST_WAIT_MS; ; wait = Math.min(wait * 2, LONGEST_WAIT_MS)) {
    const fd = tryLockFile(kernel, path, mode);
    if (fd !== undefined) return fd;
    if (wait === FIRST_WAIT_MS) onWait?.();
    await pause(wait, signal);
  }
}

async function pause(waitMs: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await sleep(waitMs, undefined, signal === undefined ? {} : { signal });
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}
