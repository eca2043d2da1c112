import { setImmediate as turn } from "node:timers/promises";

/** Synchronous work in a thread hears nothing; after this long it listens once. */
const LONGEST_MS = 40;

/** Node loads the global `performance` with the first look at it: a millisecond of a cached build. */
function nowMs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1e3 + nanoseconds / 1e6;
}

/** Lets long synchronous work be cancelled: `if (pace.isDue) await pace.rest()` between its steps. */
export class Pace {
  readonly #signal: AbortSignal | undefined;
  #restedAt = nowMs();

  constructor(signal?: AbortSignal) {
    this.#signal = signal;
    signal?.throwIfAborted();
  }

  get isDue(): boolean {
    return nowMs() - this.#restedAt > LONGEST_MS;
  }

  /** Lets messages in. Rejects with the signal's reason. */
  async rest(): Promise<void> {
    await turn();
    this.#signal?.throwIfAborted();
    this.#restedAt = nowMs();
  }
}
