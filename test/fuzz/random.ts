/** Pseudo-random choices that a seed repeats on every machine (mulberry32, 32 bits of state). */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** In [0, 1). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 0x1_0000_0000;
  }

  /** A whole number in [from, to], both included. */
  between(from: number, to: number): number {
    return from + Math.floor(this.next() * (to - from + 1));
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  /** @throws when there is nothing to pick from */
  pick<T>(items: readonly T[]): T {
    const item = items[this.between(0, items.length - 1)];
    if (item === undefined) throw new Error("Internal error: nothing to pick from");
    return item;
  }

  /** Up to `count` different items, in the order of the list. */
  some<T>(items: readonly T[], count: number): readonly T[] {
    const left = [...items.keys()];
    while (left.length > count) left.splice(this.between(0, left.length - 1), 1);
    return left.flatMap((index) => items[index] ?? []);
  }

  /** Calls `make` between `from` and `to` times. */
  times<T>(from: number, to: number, make: (index: number) => T): readonly T[] {
    return Array.from({ length: this.between(from, to) }, (_, index) => make(index));
  }
}

/** The seed of program `index` in a series: neighbours have nothing in common. */
export function seedOf(series: number, index: number): number {
  return Math.trunc(new Random((series ^ Math.imul(index + 1, 0x9e3779b1)) >>> 0).next() * 0x1_0000_0000);
}
