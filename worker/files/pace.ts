import { setImmediate as turn } from "node:timers/promises";

/** Synchronous work in a thread hears nothing; after this long it listens once. */
const LONGEST_MS = 40;

/** Lets long synchronous work be cancelled: `if (pace.isDue) await pace.rest()` between its steps. */
export class Pace {
  readonly #signal: AbortSignal | undefined;
  #restedAt = performance.now();

  constructor(signal?: AbortSignal) {
    this.#signal = signal;
    signal?.throwIfAborted();
  }

  get isDue(): boolean {
    return performance.now() - this.#restedAt > LONGEST_MS;
  }

  /** Lets messages in. Rejects with the signal's reason. */
  async rest(): Promise<void> {
    await turn();
    this.#signal?.throwIfAborted();
    this.#restedAt = performance.now();
  }
}
