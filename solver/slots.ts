/** A number of places; whoever has the highest priority among those waiting gets the next one. */
export class Slots {
  #free: number;
  readonly #waiting: { readonly priority: number; readonly start: () => void }[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  /** Runs `work` in a place of its own. Rejects with the signal's reason when aborted while waiting. */
  async use<T>(priority: number, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    await this.#take(priority, signal);
    try {
      signal.throwIfAborted();
      return await work();
    } finally {
      this.#release();
    }
  }

  async #take(priority: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#free > 0) {
      this.#free--;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const entry = {
        priority,
        start: () => {
          signal.removeEventListener("abort", onAbort);
          resolve();
        },
      };
      const onAbort = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(entry), 1);
        reject(signal.reason);
      };
      signal.addEventListener("abort", onAbort, { once: true });
      this.#waiting.push(entry);
    });
  }

  #release(): void {
    let best = -1;
    this.#waiting.forEach((entry, index) => {
      if (best < 0 || entry.priority > (this.#waiting[best]?.priority ?? 0)) best = index;
    });
    const [next] = best < 0 ? [] : this.#waiting.splice(best, 1);
    if (next === undefined) this.#free++;
    else next.start();
  }
}
