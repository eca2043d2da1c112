import { GrowingList } from "./growing-list.js";

interface Setting {
  /** Among all settings that the versions share. */
  readonly at: number;
  readonly value: string;
}

/**
 * Names with values, in the order in which they were first set. Never changes; setting gives another one, in
 * constant time as long as it is the newest that is built upon: a file may set thousands.
 */
export class Variables {
  readonly #log: GrowingList<readonly [name: string, value: string]>;
  readonly #byName: Map<string, Setting[]>;
  #map: ReadonlyMap<string, string> | undefined;
  #list: readonly string[] | undefined;

  private constructor(log: GrowingList<readonly [name: string, value: string]>, byName: Map<string, Setting[]>) {
    this.#log = log;
    this.#byName = byName;
  }

  static of(pairs: Iterable<readonly [name: string, value: string]>): Variables {
    return new Variables(GrowingList.of([]), new Map()).with([...pairs]);
  }

  get(name: string): string | undefined {
    return this.#byName.get(name)?.findLast(({ at }) => at < this.#log.length)?.value;
  }

  with(pairs: readonly (readonly [name: string, value: string])[]): Variables {
    const byName = this.#log.isNewest ? this.#byName : this.#copiedIndex();
    pairs.forEach(([name, value], index) => {
      const setting = { at: this.#log.length + index, value };
      const known = byName.get(name);
      if (known === undefined) byName.set(name, [setting]);
      else known.push(setting);
    });
    return new Variables(this.#log.append(...pairs), byName);
  }

  /** Each name once, at the place where it was first set, with its last value. */
  toMap(): ReadonlyMap<string, string> {
    this.#map ??= new Map(this.#log.toArray());
    return this.#map;
  }

  /** `NAME=value`, each name once, at the place where it was set last: so the kernel is given them. */
  toList(): readonly string[] {
    this.#list ??= this.#lastSettings();
    return this.#list;
  }

  #lastSettings(): string[] {
    const last = new Map<string, string>();
    for (const [name, value] of this.#log.toArray()) {
      last.delete(name);
      last.set(name, value);
    }
    return [...last].map(([name, value]) => `${name}=${value}`);
  }

  #copiedIndex(): Map<string, Setting[]> {
    const copy = new Map<string, Setting[]>();
    for (const [name, settings] of this.#byName) copy.set(name, settings.filter(({ at }) => at < this.#log.length));
    return copy;
  }
}
