/**
 * A list that never changes for who holds it, yet is appended to in constant time: versions share one array, and
 * each knows how much of it is its own. Only appending to an older version copies.
 */
export class GrowingList<T> {
  readonly #shared: T[];
  readonly length: number;

  private constructor(shared: T[], length: number) {
    this.#shared = shared;
    this.length = length;
  }

  static of<T>(items: readonly T[]): GrowingList<T> {
    return new GrowingList([...items], items.length);
  }

  /** Nothing was appended to it yet. */
  get isNewest(): boolean {
    return this.#shared.length === this.length;
  }

  append(items: readonly T[]): GrowingList<T> {
    const shared = this.isNewest ? this.#shared : this.toArray();
    for (const item of items) shared.push(item);
    return new GrowingList(shared, shared.length);
  }

  /** From `start` on. */
  toArray(start = 0): T[] {
    return this.#shared.slice(start, this.length);
  }
}
