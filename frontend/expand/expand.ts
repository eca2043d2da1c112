import { ShellLexer } from "./shell-lexer.js";
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

/**
 * Replaces variables and takes quotes and escapes away, as a Dockerfile's instructions do it. Blanks stay.
 * @throws {TsbuildError} EXPAND_SYNTAX, EXPAND_PATTERN, EXPAND_REQUIRED (`${v:?message}`), EXPAND_TOO_LONG
 */
export function expand(word: string, env: Environment, options: ExpandOptions): Expansion {
  const lexer = new ShellLexer(word, env, options);
  const { value } = lexer.read();
  return { value, used: lexer.used, missing: lexer.missing };
}

/**
 * As `expand`, but split at blanks that are neither quoted nor escaped, also at those that came out of a variable.
 * Words that come out empty are dropped.
 * @throws {TsbuildError} EXPAND_…
 */
export function expandWords(word: string, env: Environment, options: ExpandOptions): string[] {
  return new ShellLexer(word, env, options).read().words.map(({ value }) => value);
}
