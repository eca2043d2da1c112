/**
 * A JSON reader for documents from outside. Unlike JSON.parse it refuses a key that stands twice in one object
 * (two readers could see two images in it), bounds depth and size, and makes objects without a prototype, so
 * that `__proto__` is a key like any other.
 */
import { TsbuildError } from "../base/errors.js";

/** A JSON object as it came: nothing is known about its members. It has no prototype. */
export type JsonObject = Readonly<Record<string, unknown>>;

export interface StrictJsonLimits {
  /** What messages call the document: `image manifest`. */
  readonly what: string;
  readonly maxBytes: number;
}

const MAX_DEPTH = 64;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const BLANK = /[ \t\n\r]*/y;
const WORDS = new Map<string, unknown>([
  ["true", true],
  ["false", false],
  ["null", null],
]);

/** @throws {TsbuildError} IMAGE_INVALID that says what is wrong and where */
export function parseStrictJson(bytes: Uint8Array, limits: StrictJsonLimits): unknown {
  if (bytes.length > limits.maxBytes) {
    throw invalid(limits.what, `it has ${bytes.length} bytes, more than the ${limits.maxBytes} that are allowed`);
  }
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw invalid(limits.what, "it is not UTF-8", cause);
  }
  return new Reader(text, limits.what).document();
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

class Reader {
  #at = 0;
  readonly #text: string;
  readonly #what: string;

  constructor(text: string, what: string) {
    this.#text = text;
    this.#what = what;
  }

  document(): unknown {
    const value = this.#value(0);
    this.#match(BLANK);
    if (this.#at < this.#text.length) throw this.#error("text after the end of the JSON value");
    return value;
  }

  #value(depth: number): unknown {
    if (depth > MAX_DEPTH) throw this.#error(`nested deeper than ${MAX_DEPTH} levels`);
    this.#match(BLANK);
    const first = this.#text[this.#at];
    if (first === "{") return this.#object(depth);
    if (first === "[") return this.#array(depth);
    if (first === '"') return this.#string();
    return this.#numberOrWord();
  }

  #object(depth: number): JsonObject {
    const object: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
    this.#at++;
    if (this.#take("}")) return object;
    for (;;) {
      this.#match(BLANK);
      const key = this.#string();
      if (key in object) throw this.#error(`the key ${JSON.stringify(key.slice(0, 100))} stands twice in one object`);
      if (!this.#take(":")) throw this.#error('expected ":"');
      object[key] = this.#value(depth + 1);
      if (this.#take("}")) return object;
      if (!this.#take(",")) throw this.#error('expected "," or "}"');
    }
  }

  #array(depth: number): readonly unknown[] {
    const items: unknown[] = [];
    this.#at++;
    if (this.#take("]")) return items;
    for (;;) {
      items.push(this.#value(depth + 1));
      if (this.#take("]")) return items;
      if (!this.#take(",")) throw this.#error('expected "," or "]"');
    }
  }

  /** By hand: a pattern with alternatives would run out of stack on a string of megabytes. */
  #string(): string {
    if (this.#text[this.#at] !== '"') throw this.#error("expected a string");
    const end = this.#endOfString(this.#at + 1);
    const source = this.#text.slice(this.#at, end + 1);
    let value = source.slice(1, -1);
    if (value.includes("\\")) {
      try {
        value = String(JSON.parse(source));
      } catch {
        throw this.#error("a string with a wrong escape");
      }
    }
    this.#at = end + 1;
    return value;
  }

  #endOfString(from: number): number {
    for (let at = from; at < this.#text.length; at++) {
      const unit = this.#text.charCodeAt(at);
      if (unit === 0x22) return at;
      if (unit === 0x5c) at++;
      else if (unit < 0x20) throw this.#error("a control character in a string");
    }
    throw this.#error("a string without an end");
  }

  #numberOrWord(): unknown {
    const number = this.#match(NUMBER);
    if (number !== undefined) return Number(number);
    for (const [word, value] of WORDS) {
      if (this.#text.startsWith(word, this.#at)) {
        this.#at += word.length;
        return value;
      }
    }
    throw this.#error(this.#at < this.#text.length ? "unexpected character" : "unexpected end");
  }

  #take(mark: string): boolean {
    this.#match(BLANK);
    if (this.#text[this.#at] !== mark) return false;
    this.#at++;
    return true;
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    if (found === undefined) return undefined;
    this.#at += found.length;
    return found;
  }

  #error(problem: string): TsbuildError {
    return invalid(this.#what, `${problem} at offset ${this.#at}`);
  }
}

function invalid(what: string, problem: string, cause?: unknown): TsbuildError {
  return new TsbuildError("IMAGE_INVALID", `the ${what} is not valid: ${problem}`, { cause });
}
