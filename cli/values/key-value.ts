import { TsbuildError } from "../../base/errors.js";

/** The parts around the first `=`; `value` is undefined when there is none. */
export function splitAtEquals(text: string): { readonly key: string; readonly value: string | undefined } {
  const equals = text.indexOf("=");
  return equals === -1 ? { key: text, value: undefined } : { key: text.slice(0, equals), value: text.slice(equals + 1) };
}

/**
 * `NAME=value` flags as a map, the last one of a name wins. `missing` says what a name without `=` gets;
 * undefined leaves it out.
 * @throws {TsbuildError} USAGE for an empty name
 */
export function keyValues(flag: string, texts: readonly string[], missing: (name: string) => string | undefined): Map<string, string> {
  const values = new Map<string, string>();
  for (const text of texts) {
    const { key, value = missing(key) } = splitAtEquals(text);
    if (key === "") throw new TsbuildError("USAGE", `${flag} "${text}" has no name`, { hint: `write ${flag} NAME=value` });
    if (value !== undefined) values.set(key, value);
  }
  return values;
}
