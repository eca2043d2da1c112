/** Reads members of untrusted JSON objects: each reader says which field has which wrong type. */
import { isDigest, type Digest } from "../base/digest.js";
import { TsbuildError } from "../base/errors.js";
import { isJsonObject, type JsonObject } from "./strict-json.js";

/** A JSON object and the words that name it in messages, for example `image config: config`. */
export interface Fields {
  readonly object: JsonObject;
  readonly path: string;
}

export function fieldsOf(value: unknown, path: string): Fields {
  if (!isJsonObject(value)) throw wrongType(path, "an object", value);
  return { object: value, path };
}

export function fieldError(path: string, problem: string): TsbuildError {
  return new TsbuildError("IMAGE_INVALID", `${path} ${problem}`);
}

/** Undefined for an absent member and for null, which Go programs write for empty lists and maps. */
function member(fields: Fields, name: string): unknown {
  return fields.object[name] ?? undefined;
}

function pathOf(fields: Fields, name: string): string {
  return fields.path.includes(":") ? `${fields.path}.${name}` : `${fields.path}: ${name}`;
}

export function optionalString(fields: Fields, name: string): string | undefined {
  const value = member(fields, name);
  if (value === undefined) return undefined;
  if (typeof value !== "string") throw wrongType(pathOf(fields, name), "a string", value);
  return value;
}

export function requiredString(fields: Fields, name: string): string {
  const value = optionalString(fields, name);
  if (value === undefined) throw fieldError(pathOf(fields, name), "is missing");
  return value;
}

export function optionalBoolean(fields: Fields, name: string): boolean | undefined {
  const value = member(fields, name);
  if (value === undefined) return undefined;
  if (typeof value !== "boolean") throw wrongType(pathOf(fields, name), "true or false", value);
  return value;
}

/** An integer that a double holds exactly. */
export function optionalInteger(fields: Fields, name: string): number | undefined {
  const value = member(fields, name);
  if (value === undefined) return undefined;
  if (typeof value !== "number" || !Number.isSafeInteger(value)) throw wrongType(pathOf(fields, name), "an integer", value);
  return value;
}

export function requiredSize(fields: Fields, name: string): number {
  const value = optionalInteger(fields, name);
  if (value === undefined) throw fieldError(pathOf(fields, name), "is missing");
  if (value < 0) throw fieldError(pathOf(fields, name), `is ${value}, a negative size`);
  return value;
}

export function requiredDigest(fields: Fields, name: string): Digest {
  return asDigest(requiredString(fields, name), pathOf(fields, name));
}

export function asDigest(value: unknown, path: string): Digest {
  if (typeof value !== "string") throw wrongType(path, "a digest", value);
  if (!isDigest(value)) throw fieldError(path, `is ${JSON.stringify(value.slice(0, 100))}, not a sha256 digest`);
  return value;
}

export function optionalObject(fields: Fields, name: string): Fields | undefined {
  const value = member(fields, name);
  return value === undefined ? undefined : fieldsOf(value, pathOf(fields, name));
}

/** Each item together with the words that name it: `image manifest: layers[2]`. */
export function optionalList<T>(fields: Fields, name: string, item: (value: unknown, path: string) => T): readonly T[] | undefined {
  const value = member(fields, name);
  if (value === undefined) return undefined;
  const path = pathOf(fields, name);
  if (!Array.isArray(value)) throw wrongType(path, "a list", value);
  return value.map((element: unknown, index) => item(element, `${path}[${index}]`));
}

export function optionalStrings(fields: Fields, name: string): readonly string[] | undefined {
  return optionalList(fields, name, (value, path) => {
    if (typeof value !== "string") throw wrongType(path, "a string", value);
    return value;
  });
}

/** A map of text to text, as an object without a prototype. */
export function optionalStringMap(fields: Fields, name: string): Readonly<Record<string, string>> | undefined {
  const inner = optionalObject(fields, name);
  if (inner === undefined) return undefined;
  const map: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const [key, value] of Object.entries(inner.object)) {
    if (typeof value !== "string") throw wrongType(`${inner.path}[${JSON.stringify(key)}]`, "a string", value);
    map[key] = value;
  }
  return map;
}

/** A set written as an object whose values say nothing (`ExposedPorts`, `Volumes`), without a prototype. */
export function optionalKeySet(fields: Fields, name: string): Readonly<Record<string, object>> | undefined {
  const inner = optionalObject(fields, name);
  if (inner === undefined) return undefined;
  const set: Record<string, object> = Object.create(null) as Record<string, object>;
  for (const key of Object.keys(inner.object)) set[key] = {};
  return set;
}

function wrongType(path: string, expected: string, value: unknown): TsbuildError {
  return fieldError(path, `must be ${expected}, found ${nameOfType(value)}`);
}

function nameOfType(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "an object";
  return typeof value === "string" ? `the text ${JSON.stringify(value.slice(0, 60))}` : `${typeof value} ${String(value)}`;
}
