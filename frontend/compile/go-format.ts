/**
 * Texts as Go's fmt and time packages write them: image histories are made of them, and people and tools
 * compare histories.
 */
import { TsbuildError } from "../../base/errors.js";

const NAMED_ESCAPES: Readonly<Record<string, string>> = {
  "\u0007": "\\a",
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\v": "\\v",
  "\\": "\\\\",
  '"': '\\"',
};

/** `%q` of a string: double quotes, escapes for what can't be printed. */
export function goQuote(text: string): string {
  let out = '"';
  for (const char of text) out += NAMED_ESCAPES[char] ?? (isPrintable(char) ? char : numericEscape(char));
  return `${out}"`;
}

/** `%q` of a list: `["a" "b c"]` */
export function goQuoteList(words: readonly string[]): string {
  return `[${words.map(goQuote).join(" ")}]`;
}

/** `%v` of a list: `[a b c]` */
export function goList(words: readonly string[]): string {
  return `[${words.join(" ")}]`;
}

function isPrintable(char: string): boolean {
  return char === " " || !/[\p{C}\p{Z}]/u.test(char);
}

function numericEscape(char: string): string {
  const code = char.codePointAt(0) ?? 0;
  if (code < 0x80) return `\\x${code.toString(16).padStart(2, "0")}`;
  return code > 0xffff ? `\\U${code.toString(16).padStart(8, "0")}` : `\\u${code.toString(16).padStart(4, "0")}`;
}

const NANOSECONDS: Readonly<Record<string, number>> = { ns: 1, us: 1e3, µs: 1e3, μs: 1e3, ms: 1e6, s: 1e9, m: 60e9, h: 3600e9 };
const DURATION = /^[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+$/;
const DURATION_PART = /(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/g;

/**
 * Reads a duration as Go's time.ParseDuration does (`1m30s`, `500ms`), into nanoseconds.
 * @throws {TsbuildError} DOCKERFILE_DURATION
 */
export function parseDuration(text: string): number {
  if (/^[+-]?0$/.test(text)) return 0;
  if (!DURATION.test(text)) {
    throw new TsbuildError("DOCKERFILE_DURATION", `invalid duration "${text}"`, {
      hint: "write a number with a unit, for example 30s, 1m30s or 500ms",
    });
  }
  let total = 0;
  for (const [, amount, unit] of text.matchAll(DURATION_PART)) total += Number(amount) * (NANOSECONDS[unit ?? ""] ?? 0);
  return Math.round(text.startsWith("-") ? -total : total);
}

/** `1m30s`, `4s`, `1.5ms`, `0s` */
export function formatDuration(nanoseconds: number): string {
  if (nanoseconds === 0) return "0s";
  if (nanoseconds < 0) return `-${formatDuration(-nanoseconds)}`;
  if (nanoseconds < 1e3) return `${nanoseconds}ns`;
  if (nanoseconds < 1e6) return `${nanoseconds / 1e3}µs`;
  if (nanoseconds < 1e9) return `${nanoseconds / 1e6}ms`;
  const minutes = Math.floor(nanoseconds / 60e9);
  const seconds = `${(nanoseconds - minutes * 60e9) / 1e9}s`;
  if (minutes === 0) return seconds;
  return minutes < 60 ? `${minutes}m${seconds}` : `${Math.floor(minutes / 60)}h${minutes % 60}m${seconds}`;
}
