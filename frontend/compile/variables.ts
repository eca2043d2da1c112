import { GrowingList } from "./growing-list.js";

interface Setting {
  readonly name: string;
  readonly value: string;
  /** Where the name stands among the names, by when each was first set. */
  readonly rank: number;
}

interface Version {
  /** In the log. */
  readonly at: number;
  readonly setting: Setting;
}

/** A log may be so much longer than twice the names in it before it is made anew. */
const SLACK = 64;

/**
 * Names with values. Never changes; setting gives another one, in constant time as long as it is the newest that is
 * built upon, and reading all takes time by the number of names, not of settings: a file may set thousands.
 */
export class Variables {
  readonly #log: GrowingList<Setting>;
  readonly #byName: Map<string, Version[]>;
  #map: ReadonlyMap<string, string> | undefined;
  #list: readonly string[] | undefined;

  private constructor(log: GrowingList<Setting>, byName: Map<string, Version[]>) {
    this.#log = log;
    this.#byName = byName;
  }

  static of(pairs: Iterable<readonly [name: string, value: string]>): Variables {
    return new Variables(GrowingList.of([]), new Map()).with([...pairs]);
  }

  get(name: string): string | undefined {
    return this.#lastOf(name)?.value;
  }

  with(pairs: readonly (readonly [name: string, value: string])[]): Variables {
    if (pairs.length === 0) return this;
    if (this.#log.length > 2 * this.#byName.size + SLACK) return Variables.#fromSettings(this.#lastSettings()).#append(pairs);
    return this.#log.isNewest ? this.#append(pairs) : Variables.#fromSettings(this.#log.toArray()).#append(pairs);
  }

  /** Each name once, at the place where it was first set, with its last value. */
  toMap(): ReadonlyMap<string, string> {
    this.#map ??= new Map(
      this.#lastSettings()
        .sort((a, b) => a.rank - b.rank)
        .map(({ name, value }) => [name, value]),
    );
    return this.#map;
  }

  /** `NAME=value`, each name once, at the place where it was set last: so a process is given them. */
  toList(): readonly string[] {
    this.#list ??= this.#lastSettings().map(({ name, value }) => `${name}=${value}`);
    return this.#list;
  }

  static #fromSettings(settings: readonly Setting[]): Variables {
    const byName = new Map<string, Version[]>();
    settings.forEach((setting, at) => note(byName, { at, setting }));
    return new Variables(GrowingList.of(settings), byName);
  }

  /** Of the newest version only: the index is shared with those before. */
  #append(pairs: readonly (readonly [name: string, value: string])[]): Variables {
    const added: Setting[] = [];
    for (const [name, value] of pairs) {
      const rank = this.#byName.get(name)?.at(-1)?.setting.rank ?? this.#byName.size;
      const setting = { name, value, rank };
      note(this.#byName, { at: this.#log.length + added.length, setting });
      added.push(setting);
    }
    return new Variables(this.#log.append(added), this.#byName);
  }

  /** In the order of setting. */
  #lastSettings(): Setting[] {
    return this.#log.toArray().filter((setting) => this.#lastOf(setting.name) === setting);
  }

  #lastOf(name: string): Setting | undefined {
    const versions = this.#byName.get(name) ?? [];
    let last = versions.length - 1;
    while (last >= 0 && (versions[last]?.at ?? 0) >= this.#log.length) last--;
    return versions[last]?.setting;
  }
}

function note(byName: Map<string, Version[]>, version: Version): void {
  const known = byName.get(version.setting.name);
  if (known === undefined) byName.set(version.setting.name, [version]);
  else known.push(version);
}
