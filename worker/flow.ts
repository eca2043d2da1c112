/** How far a thread may run ahead of the main thread: a step that prints without end must not fill the memory with messages. */
const AHEAD_BYTES = 4 * 1024 * 1024;

export class Flow {
  #aheadBytes = 0;
  #waiting: (() => void)[] = [];

  /** Counts what was sent. Returns a promise when that is too much; it resolves when enough has been taken. */
  sent(bytes: number): undefined | Promise<void> {
    this.#aheadBytes += bytes;
    if (this.#aheadBytes <= AHEAD_BYTES) return undefined;
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  taken(bytes: number): void {
    this.#aheadBytes -= bytes;
    if (this.#aheadBytes > AHEAD_BYTES / 2) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const go of waiting) go();
  }
}
