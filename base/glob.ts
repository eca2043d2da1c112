/**
 * Patterns for file names, compiled to a list of atoms and matched by keeping the set of positions that the pattern
 * may be at. The time is the product of both lengths at worst, whatever the pattern: there is no backtracking.
 */
import { TsbuildError } from "./errors.js";

interface CharacterRange {
  readonly low: string;
  readonly high: string;
}

/** One step of a pattern. A class in brackets may take a slash, as in Go. */
type Atom =
  | { readonly type: "literal"; readonly character: string }
  /** `?`: any character but a slash. */
  | { readonly type: "any" }
  | { readonly type: "class"; readonly isNegated: boolean; readonly ranges: readonly CharacterRange[] }
  /** `*`: anything within one name. */
  | { readonly type: "star" }
  /** `**` in front of something: nothing, or any number of whole folders with their slashes. */
  | { readonly type: "folders" }
  /** `**` at the end: anything. */
  | { readonly type: "everything" };

export interface GlobOptions {
  /** `**` crosses folders; otherwise it is two stars. */
  readonly globstar: boolean;
}

/** A set of places within a pattern; cleared and used again for every character. */
class States {
  readonly members: Int32Array;
  readonly #seen: Float64Array;
  #stamp = 0;
  count = 0;

  constructor(size: number) {
    this.members = new Int32Array(size);
    this.#seen = new Float64Array(size);
  }

  clear(): void {
    this.count = 0;
    this.#stamp++;
  }

  add(state: number): void {
    if (this.#seen[state] === this.#stamp) return;
    this.#seen[state] = this.#stamp;
    this.members[this.count++] = state;
  }

  has(state: number): boolean {
    return this.#seen[state] === this.#stamp;
  }
}

export class Glob {
  readonly #atoms: readonly Atom[];
  /** Text that a match begins with; all of it when there are only literals. */
  readonly #prefix: string;
  /** Text that a match ends with. */
  readonly #suffix: string;
  readonly #isLiteral: boolean;
  #states: States;
  #next: States;

  /** @throws {TsbuildError} PATTERN_INVALID */
  constructor(pattern: string, options: GlobOptions) {
    this.#atoms = parse(pattern, options);
    this.#prefix = literalRun(this.#atoms).join("");
    this.#suffix = literalRun(this.#atoms.toReversed()).reverse().join("");
    this.#isLiteral = this.#atoms.every(({ type }) => type === "literal");
    this.#states = new States(this.#atoms.length + 1);
    this.#next = new States(this.#atoms.length + 1);
  }

  /** True when the whole path fits. */
  matches(path: string): boolean {
    if (this.#isLiteral) return path === this.#prefix;
    if (!path.startsWith(this.#prefix) || !path.endsWith(this.#suffix)) return false;
    return this.#run(path).has(this.#atoms.length);
  }

  /** True when some longer path that begins with `start` could fit. */
  couldMatchBelow(start: string): boolean {
    const { count, members } = this.#run(start);
    return members.subarray(0, count).some((state) => state < this.#atoms.length);
  }

  #run(path: string): States {
    this.#next.clear();
    this.#enter(this.#next, 0);
    [this.#states, this.#next] = [this.#next, this.#states];
    for (const character of path) {
      if (this.#states.count === 0) break;
      this.#next.clear();
      for (let at = 0; at < this.#states.count; at++) this.#step(this.#next, this.#states.members[at] ?? 0, character);
      [this.#states, this.#next] = [this.#next, this.#states];
    }
    return this.#states;
  }

  /** Adds a state and those that follow without a character. */
  #enter(states: States, state: number): void {
    states.add(state);
    for (let at = state; ; at++) {
      const type = this.#atoms[at]?.type;
      if (type !== "star" && type !== "everything" && type !== "folders") return;
      states.add(at + 1);
    }
  }

  #step(next: States, state: number, character: string): void {
    const atom = this.#atoms[state];
    switch (atom?.type) {
      case undefined:
        return;
      case "literal":
        if (atom.character === character) this.#enter(next, state + 1);
        return;
      case "any":
        if (character !== "/") this.#enter(next, state + 1);
        return;
      case "class":
        if (inClass(atom.ranges, character) !== atom.isNegated) this.#enter(next, state + 1);
        return;
      case "star":
        if (character !== "/") this.#enter(next, state);
        return;
      case "everything":
        this.#enter(next, state);
        return;
      case "folders":
        // Within a folder's name nothing else can follow; its slash ends it.
        next.add(state);
        if (character === "/") this.#enter(next, state + 1);
        return;
    }
  }
}

function inClass(ranges: readonly CharacterRange[], character: string): boolean {
  const point = character.codePointAt(0) ?? 0;
  return ranges.some(({ low, high }) => (low.codePointAt(0) ?? 0) <= point && point <= (high.codePointAt(0) ?? 0));
}

function literalRun(atoms: readonly Atom[]): string[] {
  const characters: string[] = [];
  for (const atom of atoms) {
    if (atom.type !== "literal") break;
    characters.push(atom.character);
  }
  return characters;
}

function parse(pattern: string, options: GlobOptions): readonly Atom[] {
  const characters = [...pattern];
  const atoms: Atom[] = [];
  for (let at = 0; at < characters.length;) {
    const character = characters[at] ?? "";
    if (character === "*") {
      at = parseStar(characters, at, atoms, options);
    } else if (character === "[") {
      at = parseClass(pattern, characters, at, atoms);
    } else if (character === "?") {
      atoms.push({ type: "any" });
      at++;
    } else if (character === "\\") {
      atoms.push({ type: "literal", character: characters[at + 1] ?? invalid(pattern, "ends in a backslash") });
      at += 2;
    } else {
      atoms.push({ type: "literal", character });
      at++;
    }
  }
  return atoms;
}

function parseStar(characters: readonly string[], start: number, atoms: Atom[], options: GlobOptions): number {
  if (!options.globstar || characters[start + 1] !== "*") {
    // Stars side by side say no more than one.
    if (atoms.at(-1)?.type !== "star") atoms.push({ type: "star" });
    return start + 1;
  }
  const end = characters[start + 2] === "/" ? start + 3 : start + 2;
  const type = end >= characters.length ? "everything" : "folders";
  if (atoms.at(-1)?.type !== type) atoms.push({ type });
  return end;
}

function parseClass(pattern: string, characters: readonly string[], start: number, atoms: Atom[]): number {
  let at = start + 1;
  const isNegated = characters[at] === "^";
  if (isNegated) at++;
  const ranges: CharacterRange[] = [];
  const member = (): string => {
    let character = characters[at++];
    if (character === "-" || character === "]") invalid(pattern, `has a misplaced ${character} in brackets`);
    if (character === "\\") character = characters[at++];
    return character ?? invalid(pattern, "has an open bracket");
  };
  while (characters[at] !== "]" || ranges.length === 0) {
    const low = member();
    let high = low;
    if (characters[at] === "-") {
      at++;
      high = member();
    }
    ranges.push({ low, high });
  }
  atoms.push({ type: "class", isNegated, ranges });
  return at + 1;
}

function invalid(pattern: string, reason: string): never {
  throw new TsbuildError("PATTERN_INVALID", `the pattern ${JSON.stringify(pattern.slice(0, 200))} ${reason}`, {
    hint: "a backslash in front of [ ] * ? - makes it an ordinary character",
  });
}
