/** What counts as blank, as parts of regular expression classes. BuildKit uses two notions, so there are two here. */

/** Between an instruction's words: spaces, tabs and the like, of ASCII only. */
export const WORD_BLANKS: string = "\\t\\v\\f\\r ";

/** Around lines, flags and quoted words: every character that Unicode calls white space, as Go's `unicode.IsSpace` has it. */
export const ALL_BLANKS: string = "\\t\\n\\v\\f\\r \\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";

const ONE_BLANK = new RegExp(`[${ALL_BLANKS}]`);

/** True for one blank UTF-16 unit (no blank lies outside the basic plane). */
export function isBlank(character: string): boolean {
  if (character === " " || character === "\t") return true;
  return character <= "~" ? character >= "\n" && character <= "\r" : ONE_BLANK.test(character);
}

/** Index of the first character of `text` between `from` and `to` that is not blank; `to` when there is none. */
export function skipBlanks(text: string, from: number, to: number): number {
  let at = from;
  while (at < to && isBlank(text.charAt(at))) at++;
  return at;
}

/** Index behind the last character of `text` before `to` that is not blank; 0 when there is none. */
export function trimmedEnd(text: string, to: number): number {
  let end = to;
  while (end > 0 && isBlank(text.charAt(end - 1))) end--;
  return end;
}
