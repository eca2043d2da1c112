import { TsbuildError } from "../../base/errors.js";
import type { SourceFile } from "../../base/source.js";
import type { Environment } from "../expand/lexer-options.js";
import { ShellLexer } from "../expand/shell-lexer.js";
import type { Heredoc } from "./ast.js";
import { dockerfileError } from "./errors.js";
import type { LineReader } from "./line-reader.js";
import type { LogicalLine } from "./logical-line.js";

/** A `<<NAME` in an instruction's line: `start` and `end` are offsets in the joined line. */
export interface HeredocMarker {
  readonly start: number;
  readonly end: number;
  readonly name: string;
  readonly expand: boolean;
  readonly chomp: boolean;
  readonly fileDescriptor: number;
}

/** A heredoc with the body as the file has it: that goes into an ONBUILD trigger's text. */
export interface ReadHeredoc {
  readonly heredoc: Heredoc;
  readonly rawContent: string;
}

const MARKER = /^(\d*)<<(-?)[ \t]*([^<]*)$/;
const NO_VARIABLES: Environment = { get: () => undefined, keys: () => [] };

/**
 * The heredoc markers of a line. A line that the shell could not read, with an open quote for example, has none.
 * The escape character is always the backslash here, whatever the file says: it is the shell's, not the Dockerfile's.
 */
export function findMarkers(text: string): readonly HeredocMarker[] {
  if (!text.includes("<<")) return [];
  const options = { escape: "\\", rawQuotes: true, keepEscapes: true, keepUnset: true, joinHeredocMarkers: true };
  const words = attempt(() => new ShellLexer(text, NO_VARIABLES, options).readWords()) ?? [];
  return words.flatMap(({ value, start, end }) => {
    const marker = parseMarker(value);
    return marker === undefined ? [] : [{ ...marker, start, end }];
  });
}

function parseMarker(word: string): Omit<HeredocMarker, "start" | "end"> | undefined {
  const [, descriptor = "", dash, rest = ""] = MARKER.exec(word) ?? [];
  if (rest === "") return undefined;
  const options = { escape: "\\", keepUnset: true };
  const names = attempt(() => new ShellLexer(rest, NO_VARIABLES, options).readWords());
  const [name, ...others] = names ?? [];
  if (name === undefined || others.length > 0) return undefined;
  const fileDescriptor = Number(descriptor);
  if (!Number.isSafeInteger(fileDescriptor)) return undefined;
  return { name: name.value, expand: quotesIn(name.value) === quotesIn(rest), chomp: dash === "-", fileDescriptor };
}

function quotesIn(text: string): number {
  return text.split(/['"]/).length - 1;
}

function attempt<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch (error) {
    if (!(error instanceof TsbuildError)) throw error;
    return undefined;
  }
}

/**
 * Takes the bodies of a line's heredocs from the raw lines below it, one after the other.
 * @throws {TsbuildError} DOCKERFILE_HEREDOC when a body has no end
 */
export function readBodies(
  file: SourceFile,
  line: LogicalLine,
  markers: readonly HeredocMarker[],
  reader: LineReader,
): readonly ReadHeredoc[] {
  return markers.map((marker) => readBody(file, line, marker, reader));
}

function readBody(file: SourceFile, line: LogicalLine, marker: HeredocMarker, reader: LineReader): ReadHeredoc {
  const { text } = line.index;
  let start: number | undefined;
  for (let raw = reader.nextRawLine(); raw !== undefined; raw = reader.nextRawLine()) {
    start ??= raw.start;
    const content = text.slice(raw.start, raw.contentEnd);
    if ((marker.chomp ? content.replace(/^\t+/, "") : content) !== marker.name) continue;
    const rawContent = text.slice(start, raw.start);
    return { rawContent, heredoc: makeHeredoc(line, marker, rawContent, start) };
  }
  throw dockerfileError(file, {
    code: "HEREDOC",
    message: `unterminated heredoc: no line consists of ${JSON.stringify(marker.name)} alone`,
    hint: marker.chomp ? "only tabs may stand before the end word" : "the end word must stand alone, without blanks around it",
    ranges: [line.range(marker.start, marker.end)],
  });
}

function makeHeredoc(line: LogicalLine, marker: HeredocMarker, rawContent: string, start: number): Heredoc {
  const { name, expand, chomp, fileDescriptor } = marker;
  return {
    name,
    content: chomp ? rawContent.replace(/^\t+/gm, "") : rawContent,
    expand,
    chomp,
    fileDescriptor,
    range: line.range(marker.start, marker.end),
    contentRange: line.index.range(start, start + rawContent.length),
  };
}
