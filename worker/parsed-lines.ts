/**
 * What the lines of a Dockerfile were parsed to when it was last built: making the grammar takes longer than all
 * the rest of a cached build. A line that is not found here is parsed; nothing else depends on this file.
 */
import { hash } from "node:crypto";
import type { Json } from "../base/digest.js";
import { readRecord, writeRecord } from "../cache/record-file.js";
import type { Store } from "../cache/store.js";
import type { RawInstruction } from "../frontend/syntax/grammar.js";
import type { LineMemo } from "../frontend/syntax/parse.js";
import { rawFromJson, rawJson } from "../frontend/syntax/raw-json.js";

/** Set by the bundler: a digest of the grammar's sources. Without it nothing is remembered. */
declare const TSBUILD_GRAMMAR: string | undefined;
const GRAMMAR = typeof TSBUILD_GRAMMAR === "string" ? TSBUILD_GRAMMAR : undefined;

/** A Dockerfile beyond this is parsed each time. */
const MAX_LINES = 2000;

export class ParsedLines implements LineMemo {
  readonly #store: Store;
  readonly #path: string;
  readonly #grammar: string;
  readonly #known: ReadonlyMap<string, unknown>;
  readonly #used = new Map<string, Json>();
  #isDirty = false;

  private constructor(store: Store, path: string, grammar: string) {
    this.#store = store;
    this.#path = path;
    this.#grammar = grammar;
    this.#known = readRecord(path, ({ object }) => linesFrom(object, grammar))?.value ?? new Map();
  }

  /** One per place of a Dockerfile: its context and name. Lies with the stat caches, and is pruned with them. */
  static load(store: Store, place: string, grammar: string | undefined = GRAMMAR): ParsedLines | undefined {
    return grammar === undefined
      ? undefined
      : new ParsedLines(store, store.path("stat", `${hash("sha256", place).slice(0, 32)}.lines`), grammar);
  }

  get(escape: string, line: string): RawInstruction | undefined {
    const json = this.#known.get(escape + line);
    if (json === undefined) return undefined;
    try {
      const raw = rawFromJson(json, line);
      this.#used.set(escape + line, rawJson(raw));
      return raw;
    } catch {
      return undefined;
    }
  }

  set(escape: string, line: string, raw: RawInstruction): void {
    this.#used.set(escape + line, rawJson(raw));
    this.#isDirty = true;
  }

  /** Writes what was asked for since, when some of it was new. */
  save(): void {
    if (!this.#isDirty || this.#used.size > MAX_LINES) return;
    const { durability, temp } = this.#store;
    writeRecord(this.#path, { grammar: this.#grammar, lines: [...this.#used] }, { stamp: durability.now(), temporary: temp.name() });
    this.#isDirty = false;
  }
}

function linesFrom(fields: { readonly [key: string]: unknown }, grammar: string): ReadonlyMap<string, unknown> {
  const lines: unknown = fields["lines"];
  if (fields["grammar"] !== grammar || !Array.isArray(lines)) return new Map();
  return new Map(
    lines.map((line: unknown): [string, unknown] => {
      const [text, json]: readonly unknown[] = Array.isArray(line) ? line : [];
      if (typeof text !== "string") throw new Error("no line");
      return [text, json];
    }),
  );
}
