/** `--filter name=value` flags. */
import { TsbuildError } from "../../base/errors.js";
import { parseBoolean } from "./numbers.js";

/** Values by name, in order. */
export type Filters = ReadonlyMap<string, readonly string[]>;

/** @throws {TsbuildError} USAGE for a filter that isn't `name=value` or isn't `known` */
export function parseFilters(texts: readonly string[], known: readonly string[]): Filters {
  const filters = new Map<string, string[]>();
  for (const text of texts) {
    const equals = text.indexOf("=");
    const name = text.slice(0, Math.max(0, equals)).trim().toLowerCase();
    if (equals <= 0) throw new TsbuildError("USAGE", `--filter "${text}" is not of the form name=value`);
    if (!known.includes(name))
      throw new TsbuildError("USAGE", `--filter ${text}: invalid filter "${name}"`, { hint: `known are ${known.join(", ")}` });
    filters.set(name, [...(filters.get(name) ?? []), text.slice(equals + 1).trim()]);
  }
  return filters;
}

/** Undefined when it isn't given. @throws {TsbuildError} USAGE */
export function booleanFilter(filters: Filters, name: string): boolean | undefined {
  const value = filters.get(name)?.at(-1);
  if (value === undefined) return undefined;
  const flag = parseBoolean(value);
  if (flag === undefined) throw new TsbuildError("USAGE", `--filter ${name}=${value}: it is true or false`);
  return flag;
}

/** Each `key` or `key=value` must be among the labels. */
export function hasLabels(labels: Readonly<Record<string, string>> | undefined, wanted: readonly string[]): boolean {
  return wanted.every((text) => {
    const equals = text.indexOf("=");
    const key = equals < 0 ? text : text.slice(0, equals);
    const value = labels !== undefined && Object.hasOwn(labels, key) ? labels[key] : undefined;
    return value !== undefined && (equals < 0 || value === text.slice(equals + 1));
  });
}

const SPAN = /^(?:(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h))+$/;
const UNIT_MS: Readonly<Record<string, number>> = { ns: 1e-6, us: 1e-3, µs: 1e-3, ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/**
 * A point in time: a span before now (`24h`, `1h30m`), seconds since 1970, or a date (`2026-01-31`, RFC 3339; without a zone in this
 * machine's). Milliseconds since 1970. @throws {TsbuildError} USAGE
 */
export function parseTime(flag: string, text: string, nowMs: number): number {
  if (SPAN.test(text))
    return (
      nowMs -
      [...text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g)].reduce(
        (sum, [, amount, unit = ""]) => sum + Number(amount) * (UNIT_MS[unit] ?? 0),
        0,
      )
    );
  if (/^\d+(?:\.\d+)?$/.test(text)) return Number(text) * 1000;
  const time = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text.length === 10 ? `${text}T00:00:00` : text) : Number.NaN;
  if (!Number.isNaN(time)) return time;
  throw new TsbuildError("USAGE", `${flag}: "${text}" is not a time`, {
    hint: "write a span like 24h, a date like 2026-01-31, or seconds since 1970",
  });
}
