/**
 * Who uses a bridge: every process that does holds a file by a shared lock, from before it opens others' packet filters
 * until it is done. What was opened may be closed again only by whoever can have that file alone.
 */
import { closeSync, constants, openSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Kernel } from "../../sys/types.js";

const PAUSE_MS = 5;

export interface BridgePlace {
  readonly stateDir: string;
  readonly bridge: string;
}

/** Counts as a user until disposed, or until the process dies. Waits for somebody who is just closing up. */
export async function useBridge(kernel: Kernel, place: BridgePlace): Promise<Disposable> {
  const fd = openUsers(place);
  while (!kernel.tryFlock(fd, "shared")) await delay(PAUSE_MS);
  return { [Symbol.dispose]: () => closeSync(fd) };
}

/** Runs `body` while nobody uses the bridge; does nothing when somebody does. */
export async function whenUnused(kernel: Kernel, place: BridgePlace, body: () => Promise<void>): Promise<void> {
  const fd = openUsers(place);
  try {
    if (kernel.tryFlock(fd, "exclusive")) await body();
  } finally {
    closeSync(fd);
  }
}

function openUsers({ stateDir, bridge }: BridgePlace): number {
  return openSync(join(stateDir, `users-${bridge}.lock`), constants.O_RDWR | constants.O_CREAT, 0o600);
}
