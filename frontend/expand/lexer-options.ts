/** The variables that a text may refer to. */
export interface Environment {
  /** Undefined when unset. */
  get(name: string): string | undefined;
  keys(): Iterable<string>;
}

export interface LexerOptions {
  /** `\` or a backquote. */
  readonly escape: string;
  /** Quotes stay in the result. */
  readonly rawQuotes?: boolean | undefined;
  /** Quotes are ordinary characters. */
  readonly ignoreQuotes?: boolean | undefined;
  /** Escape characters stay in the result, together with what they escape. */
  readonly keepEscapes?: boolean | undefined;
  /** References to unset variables stay in the result. */
  readonly keepUnset?: boolean | undefined;
  /** Blanks behind `<<` belong to the word, as in `<< EOF`. */
  readonly joinHeredocMarkers?: boolean | undefined;
}
