/** The shape of a logical line as JSON, and back: a token is where it begins and ends in the line. */
import type { Json } from "../../base/digest.js";
import type { RawBody, RawInstruction, Token } from "./grammar.js";

type Span = readonly [number, number];

export function rawJson(raw: RawInstruction): Json {
  const head = { type: raw.type, keyword: span(raw.keyword), flags: raw.flags.map(span) };
  switch (raw.type) {
    case "unknown":
    case "refused":
      return head;
    case "onbuild":
      return { ...head, trigger: raw.trigger === undefined ? null : rawJson(raw.trigger) };
    case "healthcheck":
      return { ...head, body: bodyJson(raw.body), check: spanOrNull(raw.check) };
    default:
      return { ...head, body: bodyJson(raw.body) };
  }
}

function bodyJson(body: RawBody): Json {
  switch (body.type) {
    case "array":
      return { open: span(body.array.open), strings: body.array.strings.map(span), notAString: spanOrNull(body.array.notAString) };
    case "text":
      return { text: spanOrNull(body.text) };
    case "words":
      return { words: body.words.map(span) };
  }
}

function span({ startOffset, image }: Token): Span {
  return [startOffset, startOffset + image.length];
}

function spanOrNull(token: Token | undefined): Span | null {
  return token === undefined ? null : span(token);
}

/** Throws a plain Error when `json` is not what `rawJson` made of this line's shape. */
export function rawFromJson(json: unknown, line: string): RawInstruction {
  const fields = record(json);
  const head = { keyword: token(fields["keyword"], line), flags: list(fields["flags"]).map((flag) => token(flag, line)) };
  const type = fields["type"];
  switch (type) {
    case "unknown":
    case "refused":
      return { type, ...head };
    case "onbuild":
      return { type, ...head, trigger: fields["trigger"] === null ? undefined : rawFromJson(fields["trigger"], line) };
    case "healthcheck":
      return { type, ...head, body: bodyFrom(fields["body"], line), check: tokenOrNone(fields["check"], line) };
    case "command":
    case "list":
    case "words":
    case "text":
    case "pairs":
      return { type, ...head, body: bodyFrom(fields["body"], line) };
    default:
      throw new Error("no shape of a line");
  }
}

function bodyFrom(json: unknown, line: string): RawBody {
  const fields = record(json);
  if ("words" in fields) return { type: "words", words: list(fields["words"]).map((word) => token(word, line)) };
  if ("text" in fields) return { type: "text", text: tokenOrNone(fields["text"], line) };
  const strings = list(fields["strings"]).map((text) => token(text, line));
  return { type: "array", array: { open: token(fields["open"], line), strings, notAString: tokenOrNone(fields["notAString"], line) } };
}

function tokenOrNone(json: unknown, line: string): Token | undefined {
  return json === null ? undefined : token(json, line);
}

function token(json: unknown, line: string): Token {
  const [start, end]: readonly unknown[] = list(json);
  if (typeof start !== "number" || typeof end !== "number" || start < 0 || end <= start || end > line.length)
    throw new Error("no place in the line");
  return { image: line.slice(start, end), startOffset: start };
}

function list(json: unknown): readonly unknown[] {
  if (!Array.isArray(json)) throw new Error("no list");
  return json;
}

function record(json: unknown): { readonly [key: string]: unknown } {
  if (typeof json !== "object" || json === null || Array.isArray(json)) throw new Error("no object");
  return { ...json };
}
