/** What a --mount flag asks for: keys checked for its type, values read. */
import { TsbuildError } from "../../../base/errors.js";
import { nearest } from "../../syntax/suggest.js";
import { type MountField, mountFields } from "./mount-fields.js";

const TYPES = ["bind", "cache", "tmpfs", "secret", "ssh"] as const;
const SHARINGS = ["shared", "private", "locked"] as const;

type MountType = (typeof TYPES)[number];

/** Unset: not given. */
export interface MountSpec {
  readonly type: MountType;
  readonly target: string | undefined;
  readonly source: string | undefined;
  readonly from: string | undefined;
  readonly id: string | undefined;
  readonly env: string | undefined;
  readonly sharing: (typeof SHARINGS)[number] | undefined;
  readonly readonly: boolean | undefined;
  readonly isRequired: boolean;
  readonly sizeBytes: number | undefined;
  readonly mode: number | undefined;
  readonly uid: number | undefined;
  readonly gid: number | undefined;
}

const ALIASES: Readonly<Record<string, string>> = { src: "source", dst: "target", destination: "target", ro: "readonly", rw: "readwrite" };
/** Keys and the types that know them; unset: all. */
const KEYS: Readonly<Record<string, readonly MountType[] | undefined>> = {
  type: undefined,
  target: undefined,
  source: ["bind", "cache", "secret"],
  from: ["bind", "cache"],
  readonly: undefined,
  readwrite: undefined,
  id: ["bind", "cache", "secret", "ssh"],
  sharing: ["cache"],
  mode: ["cache", "secret", "ssh"],
  uid: ["cache", "secret", "ssh"],
  gid: ["cache", "secret", "ssh"],
  required: ["secret", "ssh"],
  size: ["tmpfs"],
  env: ["secret"],
};
const SWITCHES = new Set(["readonly", "readwrite", "required"]);

/**
 * Reads `type=cache,target=/x,…`.
 * @param expandValue puts variables into a value; not called for `from`, which takes none
 * @throws {TsbuildError} DOCKERFILE_MOUNT
 */
export function readMountSpec(text: string, expandValue: (value: string) => string): MountSpec {
  const values = new Map<string, string>();
  for (const field of mountFields(text)) addField(values, field, expandValue);
  const type = readType(values.get("type"));
  for (const key of values.keys()) checkKey(key, type, values);
  const spec: MountSpec = {
    type,
    target: values.get("target"),
    source: values.get("source"),
    from: values.get("from"),
    id: values.get("id"),
    env: values.get("env"),
    sharing: oneOf(values.get("sharing")?.toLowerCase(), SHARINGS, "sharing value"),
    readonly: readonlyOf(values),
    isRequired: values.get("required") === "true",
    sizeBytes: sizeOf(values.get("size")),
    mode: numberOf("mode", values.get("mode"), 8),
    uid: numberOf("uid", values.get("uid"), 10),
    gid: numberOf("gid", values.get("gid"), 10),
  };
  checkSecret(spec);
  return spec;
}

/**
 * What a mount with variables in it may refer to: a type that comes from a variable may be a bind.
 * @throws {TsbuildError} DOCKERFILE_MOUNT where `from` is a variable
 */
export function peekMount(text: string): Pick<MountSpec, "type" | "from"> {
  const values = new Map(mountFields(text).map(({ key, value }) => [keyOf(key), value]));
  const type = values.get("type");
  return { type: TYPES.find((known) => known === type) ?? "bind", from: checkedFrom(values.get("from")) };
}

function addField(values: Map<string, string>, { key: written, value }: MountField, expandValue: (value: string) => string): void {
  const key = keyOf(written);
  if (value === undefined && !SWITCHES.has(key)) throw refused(`invalid field '${written}': it must be a key=value pair`);
  const shown = value === undefined || key === "from" ? checkedFrom(value) : expandValue(value);
  values.set(key, SWITCHES.has(key) ? String(switchOf(written, shown)) : (shown ?? ""));
}

function keyOf(written: string): string {
  const key = ALIASES[written] ?? written;
  if (Object.hasOwn(KEYS, key)) return key;
  const meant = nearest(written, [...Object.keys(KEYS), ...Object.keys(ALIASES)]);
  throw refused(
    `unexpected key '${written}' in a mount${meant === undefined ? "" : ` (did you mean ${meant}?)`}`,
    `known are ${Object.keys(KEYS).join(", ")}`,
  );
}

function checkedFrom(value: string | undefined): string | undefined {
  if (value?.includes("$") !== true) return value;
  throw refused(
    "'from' doesn't support variable expansion, define alias stage instead",
    `write FROM ${value} AS name above, with an ARG of the global scope`,
  );
}

function readType(text: string | undefined): MountType {
  return oneOf(text?.toLowerCase(), TYPES, "mount type") ?? "bind";
}

function oneOf<T extends string>(text: string | undefined, known: readonly T[], what: string): T | undefined {
  if (text === undefined) return undefined;
  const found = known.find((candidate) => candidate === text);
  if (found !== undefined) return found;
  const meant = nearest(text, known);
  throw refused(`unsupported ${what} "${text}"${meant === undefined ? "" : ` (did you mean ${meant}?)`}`, `known are ${known.join(", ")}`);
}

function checkKey(key: string, type: MountType, values: ReadonlyMap<string, string>): void {
  const types = KEYS[key];
  if (types === undefined || types.includes(type)) return;
  const wrong = key === "sharing" ? `invalid cache sharing set for ${type} mount` : `${key} is not allowed for a mount of type ${type}`;
  throw refused(`${wrong} (${key}=${values.get(key) ?? ""})`, `it belongs to mounts of type ${types.join(", ")}`);
}

function checkSecret({ type, source, id, target, env }: MountSpec): void {
  if (type !== "secret") return;
  if (source !== undefined && id !== undefined)
    throw refused("a secret mount can't have both source and id", "they mean the same: keep id");
  if ([source, id, target].every((text) => text === undefined || text === "")) {
    throw refused(env === undefined ? "a secret mount needs an id" : `the secret for env=${env} needs an id`, "write id=NAME");
  }
}

function readonlyOf(values: ReadonlyMap<string, string>): boolean | undefined {
  const ro = values.get("readonly");
  const rw = values.get("readwrite");
  if (ro !== undefined) return ro === "true";
  return rw === undefined ? undefined : rw !== "true";
}

function switchOf(key: string, text: string | undefined): boolean {
  if (text === undefined || /^(?:1|t|true)$/i.test(text)) return true;
  if (/^(?:0|f|false)$/i.test(text)) return false;
  throw refused(`invalid value for ${key}: ${text}`, "write true or false");
}

function numberOf(key: string, text: string | undefined, radix: 8 | 10): number | undefined {
  if (text === undefined) return undefined;
  const value = (radix === 8 ? /^[0-7]+$/ : /^\d+$/).test(text) ? Number.parseInt(text, radix) : Number.NaN;
  if (value <= (radix === 8 ? 0o7777 : 0xffff_fffe)) return value;
  throw refused(`invalid value ${text} for ${key}`, radix === 8 ? "write an octal number up to 07777" : "write a number");
}

const UNITS: Readonly<Record<string, number>> = { "": 1, b: 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 };

function sizeOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const [, amount = "", unit = ""] = /^(\d+(?:\.\d+)?) ?([bkmgt]?)(?:i?b)?$/i.exec(text) ?? [];
  if (amount === "") throw refused(`invalid value for size: ${text}`, "write bytes, or a number with k, m or g");
  return Math.floor(Number(amount) * (UNITS[unit.toLowerCase()] ?? 1));
}

function refused(message: string, hint?: string): TsbuildError {
  return new TsbuildError("DOCKERFILE_MOUNT", message, { hint });
}
