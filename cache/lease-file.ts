/**
 * The text of a lease: one JSON list per line, appended as things are held and owned. A line that is torn is
 * the last thing a killed process wrote, about something it had not begun yet.
 *
 *   ["process", {"pid":…,"startTime":…,"bootId":…}]   for messages: pids are local to a pid namespace
 *   ["hold", "snapshot/…", …]   ["own", RESOURCE]   ["release", RESOURCE]
 */
import { readFileSync } from "node:fs";
import type { Json } from "../base/digest.js";
import { canonicalJson } from "../base/digest.js";
import type { Fields } from "../image/json-fields.js";
import { fieldsOf, requiredString } from "../image/json-fields.js";
import type { OwnedResource } from "./types.js";

export interface LeaseContent {
  readonly held: readonly string[];
  /** In the order in which they were taken. */
  readonly owned: readonly OwnedResource[];
}

/** The line about this process. */
export function processLine(bootId: string): string {
  return line(["process", { pid: process.pid, hostPid: process.env["TSBUILD_HOST_PID"], startTime: startTime(), bootId }]);
}

export function holdLine(things: readonly string[]): string {
  return line(["hold", ...things]);
}

export function ownLine(verb: "own" | "release", resource: OwnedResource): string {
  return line([verb, { ...resource }]);
}

/** Begins with a line's end, so that one that a full disk cut short doesn't take the next with it. */
function line(value: Json): string {
  return `\n${JSON.stringify(value)}\n`;
}

/** Two descriptions of one resource are equal when this is. */
export function resourceKey(resource: OwnedResource): string {
  return canonicalJson({ ...resource });
}

/** Ticks since boot, field 22 of proc_pid_stat(5); the name in field 2 may hold anything, so it is counted from the last parenthesis. */
function startTime(): string {
  const stat = readFileSync("/proc/self/stat", "latin1");
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
}

export function parseLease(text: string): LeaseContent {
  const held = new Set<string>();
  const owned = new Map<string, OwnedResource>();
  for (const part of text.split("\n")) applyLine(parseLine(part), { held, owned });
  return { held: [...held], owned: [...owned.values()] };
}

function parseLine(text: string): readonly unknown[] {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? value : [];
  } catch {
    return [];
  }
}

function applyLine(
  [verb, ...rest]: readonly unknown[],
  { held, owned }: { readonly held: Set<string>; readonly owned: Map<string, OwnedResource> },
): void {
  if (verb === "hold") for (const thing of rest) if (typeof thing === "string") held.add(thing);
  if (verb !== "own" && verb !== "release") return;
  const resource = parseResource(rest[0]);
  if (resource === undefined) return;
  if (verb === "own") owned.set(resourceKey(resource), resource);
  else owned.delete(resourceKey(resource));
}

function parseResource(value: unknown): OwnedResource | undefined {
  try {
    return resourceFrom(fieldsOf(value, "resource"));
  } catch {
    return undefined;
  }
}

function resourceFrom(fields: Fields): OwnedResource | undefined {
  const type = requiredString(fields, "type");
  if (type === "path") return { type, path: requiredString(fields, "path") };
  if (type === "cgroup") return { type, name: requiredString(fields, "name") };
  if (type === "container") return { type, id: requiredString(fields, "id") };
  // What came out of JSON.parse is Json.
  if (type === "network") return { type, id: requiredString(fields, "id"), details: (fields.object["details"] ?? null) as Json };
  return undefined;
}
