/**
 * Values as Go's templates see and print them. A plain object is a struct, whose fields are fixed; a Map is a map,
 * in which any key may be missing; null is a list, map or pointer that isn't there.
 */

/** A list and a map that aren't there: `null` in JSON, `[]` and `map[]` in print, as Go's nil ones. */
export const NIL_LIST: readonly string[] = Object.freeze([]);
export const NIL_MAP: ReadonlyMap<string, string> = new Map<string, string>();

/** What `{{if}}` takes for true: nothing that is empty or zero. */
export function isTrue(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  if (value instanceof Map) return value.size > 0;
  return typeof value === "object" && value !== null ? true : Boolean(value);
}

/** As `%v` prints it: `[a b]`, `map[k:v]`, `{1 2}`. */
export function goText(value: unknown): string {
  if (typeof value === "string") return value;
  if (value === undefined) return "<no value>";
  if (value === null) return "<nil>";
  if (Array.isArray(value)) return `[${value.map(goText).join(" ")}]`;
  if (value instanceof Map)
    return `map[${sortedEntries(value)
      .map(([key, item]) => `${key}:${goText(item)}`)
      .join(" ")}]`;
  if (typeof value === "object")
    return `{${Object.values(value)
      .filter((item) => item !== undefined)
      .map(goText)
      .join(" ")}}`;
  return typeof value === "number" || typeof value === "boolean" || typeof value === "bigint" ? String(value) : "<no value>";
}

/** As Go's encoding/json writes it: maps by key, and `<`, `>`, `&` and the line separators escaped. `indent`: blanks a level. */
export function goJson(value: unknown, indent = 0): string {
  return JSON.stringify(plainJson(value), undefined, indent).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function plainJson(value: unknown): unknown {
  if (value === NIL_LIST || value === NIL_MAP) return null;
  if (Array.isArray(value)) return value.map((item: unknown) => plainJson(item));
  if (value instanceof Map) return objectOf(sortedEntries(value));
  if (typeof value === "object" && value !== null) return objectOf(Object.entries(value).filter(([, item]) => item !== undefined));
  return value ?? null;
}

/** Safe for keys like `__proto__`, which come from labels. */
function objectOf(entries: readonly (readonly [string, unknown])[]): object {
  const object: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
  for (const [key, item] of entries) object[key] = plainJson(item);
  return object;
}

function sortedEntries(map: ReadonlyMap<unknown, unknown>): readonly (readonly [string, unknown])[] {
  return [...map].map(([key, item]) => [String(key), item] as const).sort(([a], [b]) => (a < b ? -1 : 1));
}
