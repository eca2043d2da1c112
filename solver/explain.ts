/** Why a step has to run: its ingredients held against the nearest older record for the same place. */
import type { KeyPart, StepRecord } from "../cache/types.js";

export interface ExplainFacts {
  readonly parts: readonly KeyPart[];
  /** Records for the same place, newest first. */
  readonly older: readonly StepRecord[];
  /** What input 0 is called, for people: `debian:bookworm`, or a step's name. */
  readonly baseName: string;
  readonly baseIsImage: boolean;
}

/** One line. */
export function explainMiss(facts: ExplainFacts): string {
  const nearest = nearestRecord(facts.parts, facts.older);
  if (nearest === undefined) return "never built here";
  const moved = withoutSummary(movedParts(nearest.parts, facts.parts));
  if (moved.length === 0) return "its result is no longer in the store";
  const [first, ...others] = moved.toSorted((a, b) => weight(a.name) - weight(b.name));
  if (first === undefined) return "never built here";
  const text = describe(first, facts);
  return others.length === 0 ? text : `${text} (and ${others.length} more ${others.length === 1 ? "change" : "changes"})`;
}

function withoutSummary(moved: readonly MovedPart[]): readonly MovedPart[] {
  const telling = moved.filter((part) => part.name !== "content" && part.name !== "selection");
  return telling.length > 0 ? telling : moved;
}

export interface MovedPart {
  readonly name: string;
  /** Unset: it is new. */
  readonly before?: string | undefined;
  /** Unset: it is gone. */
  readonly after?: string | undefined;
}

/** What differs between two lists of ingredients, in the order of the newer one, then what is gone. */
export function movedParts(before: readonly KeyPart[], after: readonly KeyPart[]): MovedPart[] {
  const old = countedNames(before);
  const now = countedNames(after);
  const moved: MovedPart[] = [];
  for (const [id, part] of now) {
    const was = old.get(id);
    if (was === undefined) moved.push({ name: part.name, after: part.value });
    else if (was.value !== part.value) moved.push({ name: part.name, before: was.value, after: part.value });
  }
  for (const [id, part] of old) if (!now.has(id)) moved.push({ name: part.name, before: part.value });
  return moved;
}

/** A name may stand several times (one per file action): the n-th is held against the n-th. */
function countedNames(parts: readonly KeyPart[]): Map<string, KeyPart> {
  const seen = new Map<string, number>();
  const named = new Map<string, KeyPart>();
  for (const part of parts) {
    const count = seen.get(part.name) ?? 0;
    seen.set(part.name, count + 1);
    named.set(`${part.name}\0${count}`, part);
  }
  return named;
}

/** The record with the fewest differences; the newest among equals. */
function nearestRecord(parts: readonly KeyPart[], older: readonly StepRecord[]): StepRecord | undefined {
  let best: { readonly record: StepRecord; readonly distance: number } | undefined;
  for (const record of older) {
    const distance = movedParts(record.parts, parts).length;
    if (best === undefined || distance < best.distance) best = { record, distance };
  }
  return best?.record;
}

/** What a person wants to hear first; `content` only repeats what the files say. */
const ORDER = ["operation", "command", "base", "ARG ", "ENV ", "file "];

function weight(name: string): number {
  const index = ORDER.findIndex((prefix) => name.startsWith(prefix));
  return index < 0 ? ORDER.length : index;
}

const LONGEST_VALUE = 60;

function describe(part: MovedPart, facts: ExplainFacts): string {
  if (part.name === "operation" || part.name === "command") return "the instruction changed";
  if (part.name === "base") return facts.baseIsImage ? `base image ${facts.baseName} moved` : `the result of ${facts.baseName} changed`;
  if (part.name.startsWith("file ")) return `${part.name.slice("file ".length)} ${change(part)}`;
  if (part.before === undefined) return `${part.name} is new`;
  if (part.after === undefined) return `${part.name} is gone`;
  if (part.name.startsWith("ARG ") || part.name.startsWith("ENV ")) return `${part.name} ${short(part.before)} → ${short(part.after)}`;
  return `${part.name} changed`;
}

function change(part: MovedPart): string {
  if (part.before === undefined) return "is new";
  if (part.after === undefined) return "was removed";
  return contentOf(part.before) !== undefined && contentOf(part.before) === contentOf(part.after) ? "changed its mode or owner" : "changed";
}

/** The last word of what a file is: the start of its digest. */
function contentOf(facts: string): string | undefined {
  const words = facts.split(" ");
  return words[0] === "file" ? words.at(-1) : undefined;
}

function short(value: string): string {
  const oneLine = JSON.stringify(value).slice(1, -1);
  return oneLine.length > LONGEST_VALUE ? `${oneLine.slice(0, LONGEST_VALUE)}…` : oneLine;
}
