/** Docker's patterns: of sources in COPY and ADD, and of ignore files. */
import { TsbuildError } from "./errors.js";
import { Glob } from "./glob.js";
import { cleanPath } from "./paths.js";

/**
 * True when the whole of `name` fits `pattern`: `*`, `?` (both not across slashes), `[a-z]`, `[^a-z]`, backslash (Go's
 * `filepath.Match`).
 * @throws {TsbuildError} PATTERN_INVALID
 */
export function matchPath(pattern: string, name: string): boolean {
  return new Glob(pattern, { globstar: false }).matches(name);
}

/** True when `pattern` has an unescaped `*`, `?` or `[`. */
export function hasWildcard(pattern: string): boolean {
  return /^(?:[^*?[\\]|\\[\s\S])*[*?[]/.test(pattern);
}

/** What is known about a path, for use with what lies in it. */
export interface MatchState {
  readonly isMatch: boolean;
  /** For each pattern, 1 if it fitted this path or one above. */
  readonly patternsAbove: Uint8Array;
}

interface Pattern {
  /** `!`: takes back what patterns before it matched. */
  readonly isException: boolean;
  readonly matches: (path: string) => boolean;
  readonly couldMatchBelow: (folder: string) => boolean;
}

/**
 * An ordered list of patterns, of which the last that fits decides. `**` stands for any number of folders, and a
 * pattern that fits a folder fits all in it (moby/patternmatcher). Paths are relative, cleaned, with slashes.
 */
export class PatternMatcher {
  readonly #patterns: readonly Pattern[];
  /** Whether there are patterns with `!`. */
  readonly hasExclusions: boolean;

  /** @throws {TsbuildError} PATTERN_INVALID */
  constructor(patterns: readonly string[]) {
    this.#patterns = patterns
      .map((text) => text.trim())
      .filter((text) => text !== "")
      .map(compile);
    this.hasExclusions = this.#patterns.some(({ isException }) => isException);
  }

  /** Whether a path is matched, with all folders above it considered. `.` never is. */
  matches(path: string): boolean {
    if (path === "." || path === "") return false;
    const paths = withFoldersAbove(path);
    let isMatch = false;
    for (const pattern of this.#patterns) {
      if (pattern.isException !== isMatch) continue;
      if (paths.some(pattern.matches)) isMatch = !pattern.isException;
    }
    return isMatch;
  }

  /** As `matches`, in a walk: `parent` is the state of the folder that holds `path`, undefined at the top. */
  child(parent: MatchState | undefined, path: string): MatchState {
    const paths = parent === undefined ? withFoldersAbove(path) : [path];
    const patternsAbove = new Uint8Array(this.#patterns.length);
    let isMatch = false;
    for (const [index, pattern] of this.#patterns.entries()) {
      const fittedAbove = parent?.patternsAbove[index] === 1;
      // A pattern that could change nothing is not tried, as in Docker; what lies below then tries it itself.
      if (!fittedAbove && (pattern.isException !== isMatch || !paths.some(pattern.matches))) continue;
      patternsAbove[index] = 1;
      isMatch = !pattern.isException;
    }
    return { isMatch, patternsAbove };
  }

  /** False when nothing in a matched folder can be taken back by an exception, so that it need not be read. */
  couldContainReincluded(folder: string): boolean {
    return this.#patterns.some(({ isException, couldMatchBelow }) => isException && couldMatchBelow(`${folder}/`));
  }
}

function withFoldersAbove(path: string): string[] {
  const paths = [path];
  for (let slash = path.indexOf("/", 1); slash !== -1; slash = path.indexOf("/", slash + 1)) paths.push(path.slice(0, slash));
  return paths;
}

function compile(text: string): Pattern {
  const isException = text.startsWith("!");
  const written = isException ? text.slice(1).trim() : text;
  if (written === "") {
    throw new TsbuildError("PATTERN_INVALID", `the pattern "${text}" excepts nothing`, {
      hint: "write what is to be kept behind the !, or remove the line",
    });
  }
  const pattern = cleanPath(written);
  const glob = new Glob(pattern, { globstar: true });
  return { isException, matches: matcherOf(pattern, glob), couldMatchBelow: (folder) => glob.couldMatchBelow(folder) };
}

/** Docker compares `**` and a text without wildcards by the path's end alone: `**log` fits `catalog`. */
function matcherOf(pattern: string, glob: Glob): (path: string) => boolean {
  const ending = /^\*\*([^/*?[\]\\][^*?[\]\\]*)$/.exec(pattern)?.[1];
  return ending === undefined ? (path) => glob.matches(path) : (path) => path.endsWith(ending);
}

/**
 * The patterns of an ignore file, one a line: byte order mark and blanks around lines dropped, lines that begin with
 * `#` and empty ones skipped, paths cleaned and taken from the context's root, `!` kept in front.
 */
export function parseIgnoreFile(text: string): string[] {
  const lines = text.replace(/^\ufeff/, "").split("\n");
  return lines.flatMap((line) => (line.startsWith("#") || line.trim() === "" ? [] : [normalized(line.trim())]));
}

function normalized(line: string): string {
  const isException = line.startsWith("!");
  const written = isException ? line.slice(1).trim() : line;
  if (written === "") return line.trim();
  const cleaned = cleanPath(written);
  const pattern = cleaned.length > 1 && cleaned.startsWith("/") ? cleaned.slice(1) : cleaned;
  return isException ? `!${pattern}` : pattern;
}
