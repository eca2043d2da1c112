/**
 * The patterns of `${v#pattern}`, `${v%pattern}` and `${v/pattern/…}`: `*`, `?` and text. They are matched piece by
 * piece between the stars, never by backtracking.
 */
import { TsbuildError } from "../../base/errors.js";

/** One character, or undefined for `?`. */
type Atom = string | undefined;

/** What stands between the stars: at least one chunk, empty ones where stars meet or end the pattern. */
type Glob = readonly (readonly Atom[])[];

/** More character comparisons than this are no honest Dockerfile. */
const MOST_WORK = 50_000_000;

export interface Trim {
  readonly from: "start" | "end";
  /** The longest match instead of the shortest. */
  readonly isGreedy: boolean;
}

/** `value` without the part at one end that the pattern matches. */
export function trimMatch(value: string, pattern: string, trim: Trim): string {
  let characters = [...value];
  let glob = parseGlob(pattern);
  if (trim.from === "end") [characters, glob] = [characters.reverse(), reversed(glob)];
  const end = matchAt(characters, glob, 0, trim.isGreedy);
  if (end === undefined) return value;
  const rest = characters.slice(end);
  return (trim.from === "end" ? rest.reverse() : rest).join("");
}

/** `value` with the first or every match replaced; at each place the longest match counts. */
export function replaceMatches(
  value: string,
  pattern: string,
  replacement: string,
  limit: { readonly all: boolean; readonly length: number },
): string {
  const characters = [...value];
  const glob = parseGlob(pattern);
  const out: string[] = [];
  let length = 0;
  const add = (text: string): void => {
    length += text.length;
    if (length > limit.length) throw new TsbuildError("EXPAND_TOO_LONG", "a replacement grew too long");
    out.push(text);
  };
  let lastEnd = 0;
  for (let from = 0; from <= characters.length;) {
    const match = search(characters, glob, from);
    if (match === undefined) break;
    add(characters.slice(lastEnd, match.start).join(""));
    // An empty match right behind another match is none.
    if (match.end > lastEnd || match.start === 0) add(replacement);
    lastEnd = match.end;
    if (!limit.all) break;
    from = Math.max(from + 1, match.end);
  }
  add(characters.slice(lastEnd).join(""));
  return out.join("");
}

function parseGlob(pattern: string): Glob {
  const chunks: Atom[][] = [[]];
  const characters = [...pattern];
  for (let at = 0; at < characters.length; at++) {
    const character = characters[at] ?? "";
    if (character === "*") chunks.push([]);
    else chunks.at(-1)?.push(character === "?" ? undefined : character === "\\" ? escaped(characters[++at], pattern) : character);
  }
  return chunks;
}

function escaped(character: string | undefined, pattern: string): string {
  if (character !== undefined && "*?\\}/".includes(character)) return character;
  throw new TsbuildError("EXPAND_PATTERN", `invalid escape \\${character ?? ""} in the pattern ${JSON.stringify(pattern)}`, {
    hint: "a backslash can stand before * ? \\ } and / only",
  });
}

function reversed(glob: Glob): Glob {
  return glob.map((chunk) => chunk.toReversed()).reverse();
}

/** The leftmost match from `from` on, as long as can be. */
function search(text: readonly string[], glob: Glob, from: number): { readonly start: number; readonly end: number } | undefined {
  // If the rest of the pattern doesn't follow the first place where its head fits, it follows no later one.
  const start = find(text, glob[0] ?? [], from);
  if (start === undefined) return undefined;
  const end = matchAt(text, glob, start, true);
  return end === undefined ? undefined : { start, end };
}

/** Where a match that begins at `start` ends. */
function matchAt(text: readonly string[], glob: Glob, start: number, isGreedy: boolean): number | undefined {
  const [head = [], ...rest] = glob;
  if (!fits(text, head, start)) return undefined;
  let at = start + head.length;
  for (const [number, chunk] of rest.entries()) {
    const isLast = number === rest.length - 1;
    const found = isLast && isGreedy ? findLast(text, chunk, at) : find(text, chunk, at);
    if (found === undefined) return undefined;
    at = found + chunk.length;
  }
  return at;
}

function find(text: readonly string[], chunk: readonly Atom[], from: number): number | undefined {
  checkWork(text, chunk);
  for (let at = from; at + chunk.length <= text.length; at++) if (fits(text, chunk, at)) return at;
  return undefined;
}

function findLast(text: readonly string[], chunk: readonly Atom[], from: number): number | undefined {
  checkWork(text, chunk);
  for (let at = text.length - chunk.length; at >= from; at--) if (fits(text, chunk, at)) return at;
  return undefined;
}

function fits(text: readonly string[], chunk: readonly Atom[], at: number): boolean {
  if (at + chunk.length > text.length) return false;
  return chunk.every((atom, offset) => atom === undefined || atom === text[at + offset]);
}

function checkWork(text: readonly string[], chunk: readonly Atom[]): void {
  if (text.length * chunk.length <= MOST_WORK) return;
  throw new TsbuildError("EXPAND_TOO_LONG", "a pattern and the value it is to match are too long");
}
