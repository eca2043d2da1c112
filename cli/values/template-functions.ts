/** The words of templates: Go's own, and those that Docker adds (docs.docker.com, "Format command and log output"). */
import { goJson, goText, isTrue } from "./go-values.js";
import { invalid } from "./template-parser.js";

export type TemplateFunction = (args: readonly unknown[]) => unknown;

export const FUNCTIONS: ReadonlyMap<string, TemplateFunction> = new Map<string, TemplateFunction>([
  ["json", ([value]) => goJson(value)],
  ["print", (args) => args.map(goText).join(" ")],
  ["println", (args) => `${args.map(goText).join(" ")}\n`],
  ["printf", printf],
  ["len", ([value]) => length(value)],
  ["index", ([value, ...keys]) => keys.reduce(item, value)],
  [
    "slice",
    ([value, from, to]) =>
      typeof value === "string"
        ? value.slice(integer(from ?? 0), to === undefined ? undefined : integer(to))
        : list("slice", value).slice(integer(from ?? 0), to === undefined ? undefined : integer(to)),
  ],
  ["join", ([value, separator]) => list("join", value).map(goText).join(text("join", separator))],
  ["split", ([value, separator]) => text("split", value).split(text("split", separator))],
  ["lower", ([value]) => text("lower", value).toLowerCase()],
  ["upper", ([value]) => text("upper", value).toUpperCase()],
  ["title", ([value]) => text("title", value).replace(/(^|\s)(\S)/gu, (_, blank: string, first: string) => blank + first.toUpperCase())],
  ["pad", ([value, before, after]) => (value === "" ? "" : " ".repeat(integer(before)) + text("pad", value) + " ".repeat(integer(after)))],
  ["truncate", ([value, count]) => text("truncate", value).slice(0, integer(count))],
  ["not", ([value]) => !isTrue(value)],
  ["eq", ([value, ...others]) => others.some((other) => isEqual(value, other))],
  ["ne", ([a, b]) => !isEqual(a, b)],
  ["lt", ([a, b]) => compare(a, b) < 0],
  ["le", ([a, b]) => compare(a, b) <= 0],
  ["gt", ([a, b]) => compare(a, b) > 0],
  ["ge", ([a, b]) => compare(a, b) >= 0],
]);

/** What the words do to the headings of a table: they leave them as they are. */
export const HEADING_FUNCTIONS: ReadonlyMap<string, TemplateFunction> = new Map(
  ["json", "split", "join", "title", "lower", "upper", "pad", "truncate"].map((name): [string, TemplateFunction] => [
    name,
    ([value]) => value,
  ]),
);

/** `and` and `or` stop at the value that decides, so they get their arguments one by one. */
export const LAZY_WORDS: ReadonlySet<string> = new Set(["and", "or"]);

function length(value: unknown): number {
  if (typeof value === "string") return Buffer.byteLength(value);
  if (Array.isArray(value)) return value.length;
  if (value instanceof Map) return value.size;
  if (value === null || value === undefined) return 0;
  throw invalid(`error calling len: ${goText(value)} has no length`);
}

/** A key that a map lacks is its values' zero: the empty text here. */
function item(value: unknown, key: unknown): unknown {
  if (value instanceof Map) return value.get(String(key)) ?? (isMapOfTexts(value) ? "" : undefined);
  if (Array.isArray(value)) {
    const at = integer(key);
    if (at < 0 || at >= value.length) throw invalid(`error calling index: index out of range: ${at}`);
    return value[at];
  }
  if (value === null || value === undefined) throw invalid("error calling index: index of untyped nil");
  throw invalid(`error calling index: can't index ${goText(value)}`);
}

function isMapOfTexts(map: ReadonlyMap<unknown, unknown>): boolean {
  return [...map.values()].every((value) => typeof value === "string");
}

function text(name: string, value: unknown): string {
  if (typeof value === "string") return value;
  throw invalid(`error calling ${name}: ${goText(value)} is not a string`);
}

function list(name: string, value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  if (value === null || value === undefined) return [];
  throw invalid(`error calling ${name}: ${goText(value)} is not a list`);
}

function integer(value: unknown): number {
  if (typeof value === "number" && Number.isInteger(value)) return value;
  throw invalid(`${goText(value)} is not a whole number`);
}

function isEqual(a: unknown, b: unknown): boolean {
  if (typeof a !== typeof b) throw invalid("error calling eq: incompatible types for comparison");
  return a === b;
}

function compare(a: unknown, b: unknown): number {
  if (typeof a === "number" && typeof b === "number") return a - b;
  if (typeof a === "string" && typeof b === "string") return a < b ? -1 : Number(a > b);
  throw invalid("error calling lt: incompatible types for comparison");
}

/** %s %v %d %q %t %x with widths, and %%. */
function printf([format, ...args]: readonly unknown[]): string {
  let next = 0;
  return text("printf", format).replace(
    /%([-0]?)(\d*)(?:\.(\d+))?([svdqtxf%])/g,
    (_, flag: string, width: string, precision: string | undefined, verb: string) => {
      if (verb === "%") return "%";
      if (next >= args.length) return `%!${verb}(MISSING)`;
      const shown = formatted(args[next++], verb, precision);
      return flag === "-" ? shown.padEnd(Number(width)) : shown.padStart(Number(width), flag === "0" ? "0" : " ");
    },
  );
}

function formatted(value: unknown, verb: string, precision: string | undefined): string {
  if (verb === "q") return JSON.stringify(goText(value));
  if (verb === "x" && typeof value === "number") return value.toString(16);
  if (verb === "f" && typeof value === "number") return value.toFixed(precision === undefined ? 6 : Number(precision));
  const shown = goText(value);
  return precision === undefined || verb !== "s" ? shown : shown.slice(0, Number(precision));
}
