import { TsbuildError } from "../../base/errors.js";

const UNITS: Readonly<Record<string, number>> = { "": 1, b: 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40, p: 2 ** 50 };
const SIZE = /^(\d+(?:\.\d+)?)\s*([bkmgtp]?)(?:i?b)?$/i;

/**
 * Bytes of `64m`, `1.5G`, `1024`: units are powers of 1024, as Docker reads them.
 * @throws {TsbuildError} USAGE
 */
export function parseSize(flag: string, text: string): number {
  const [, amount, unit = ""] = SIZE.exec(text) ?? [];
  const bytes = Math.floor(Number(amount) * (UNITS[unit.toLowerCase()] ?? Number.NaN));
  if (amount === undefined || !Number.isSafeInteger(bytes)) {
    throw new TsbuildError("USAGE", `${flag}: "${text}" is not a size`, { hint: "write a number with b, k, m or g, for example 64m" });
  }
  return bytes;
}

/** @throws {TsbuildError} USAGE when it isn't a whole number of at least `least` */
export function parseCount(flag: string, text: string, least: number): number {
  const count = /^-?\d+$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(count) && count >= least) return count;
  throw new TsbuildError("USAGE", `${flag}: "${text}" is not a whole number${least > 0 ? ` of at least ${least}` : ""}`);
}

/** The words that Go's flags take. `undefined` for anything else. */
export function parseBoolean(text: string): boolean | undefined {
  if (["1", "t", "true"].includes(text.toLowerCase())) return true;
  return ["0", "f", "false"].includes(text.toLowerCase()) ? false : undefined;
}
