/** Locks between processes: flock on a file, tried again by a timer, never waited for in a thread. */
import { closeSync, constants, openSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import type { Kernel } from "../../sys/types.js";

const LONGEST_PAUSE_MS = 20;

/** Holds `path` while `body` runs. The file is made when it is missing and never removed. */
export async function withLock<T>(
  kernel: Kernel,
  path: string,
  { signal, body }: { readonly signal?: AbortSignal | undefined; readonly body: () => Promise<T> },
): Promise<T> {
  const fd = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600);
  try {
    for (let pauseMs = 1; !kernel.tryFlock(fd, "exclusive"); pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
      await delay(pauseMs, undefined, signal === undefined ? {} : { signal });
    }
    return await body();
  } finally {
    closeSync(fd);
  }
}
