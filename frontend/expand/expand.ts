import { LONGEST, ShellLexer } from "./shell-lexer.js";
import type { Environment, LexerOptions } from "./lexer-options.js";

export type { Environment } from "./lexer-options.js";

export type ExpandOptions = Pick<LexerOptions, "escape" | "rawQuotes" | "ignoreQuotes" | "keepEscapes" | "keepUnset">;

export interface Expansion {
  readonly value: string;
  /** Names of variables that were looked up and set. */
  readonly used: ReadonlySet<string>;
  /** Names that were looked up and unset, those with a default included. */
  readonly missing: ReadonlySet<string>;
}

/** A text without any of these stands for itself. */
const SPECIAL = /[$'"\\`]/;
const NO_NAMES: ReadonlySet<string> = new Set();

/**
 * Replaces variables and takes quotes and escapes away, as a Dockerfile's instructions do it. Blanks stay.
 * @throws {TsbuildError} EXPAND_SYNTAX, EXPAND_PATTERN, EXPAND_REQUIRED (`${v:?message}`), EXPAND_TOO_LONG
 */
export function expand(word: string, env: Environment, options: ExpandOptions): Expansion {
  if (word.length <= LONGEST && !SPECIAL.test(word)) return { value: word, used: NO_NAMES, missing: NO_NAMES };
  const lexer = new ShellLexer(word, env, options);
  const value = lexer.readValue();
  return { value, used: lexer.used, missing: lexer.missing };
}

/**
 * As `expand`, but split at blanks that are neither quoted nor escaped, also at those that came out of a variable.
 * Words that come out empty are dropped.
 * @throws {TsbuildError} EXPAND_…
 */
export function expandWords(word: string, env: Environment, options: ExpandOptions): string[] {
  return new ShellLexer(word, env, options).readWords().map(({ value }) => value);
}
