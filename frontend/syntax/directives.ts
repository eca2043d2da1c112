import type { SourceFile } from "../../base/source.js";
import type { Directive } from "./ast.js";
import { ALL_BLANKS, skipBlanks } from "./blanks.js";
import { dockerfileError } from "./errors.js";
import type { LineIndex } from "./line-index.js";

const BYTE_ORDER_MARK = "\ufeff";
const DIRECTIVE = new RegExp(`^(#|//)[${ALL_BLANKS}]*([a-zA-Z][a-zA-Z0-9]*)[${ALL_BLANKS}]*=[${ALL_BLANKS}]*([^${ALL_BLANKS}].*)$`);
const KNOWN: ReadonlySet<string> = new Set(["syntax", "escape", "check"]);

/** The head of a Dockerfile. */
export interface DirectiveZone {
  readonly directives: readonly Directive[];
  readonly escape: string;
  /** Number of the first line behind the zone, counted from 0. */
  readonly nextLine: number;
  /** Offset of the first character behind a byte order mark. */
  readonly textStart: number;
}

/**
 * Reads `# key=value` lines until the first line that is none, blank lines included. An interpreter line
 * (`#!`) in front is skipped. `//` is understood for `syntax` only, as a help for files that other frontends read too.
 * @throws {TsbuildError} DOCKERFILE_DIRECTIVE
 */
export function readDirectives(file: SourceFile, index: LineIndex): DirectiveZone {
  const textStart = index.text.startsWith(BYTE_ORDER_MARK) ? BYTE_ORDER_MARK.length : 0;
  const directives: Directive[] = [];
  let line = index.text.startsWith("#!", textStart) ? 1 : 0;
  for (; line < index.count; line++) {
    const directive = directiveAt(index, line, line === 0 ? textStart : index.line(line).start);
    if (directive === undefined) break;
    refuseRepeated(file, directive, directives);
    directives.push(directive);
  }
  return { directives, escape: escapeOf(file, directives), nextLine: line, textStart };
}

function directiveAt(index: LineIndex, line: number, lineStart: number): Directive | undefined {
  const { contentEnd } = index.line(line);
  const start = skipBlanks(index.text, lineStart, contentEnd);
  if (start >= contentEnd) return undefined;
  const text = index.text.slice(start, contentEnd).trimEnd();
  const [, mark, key, value] = DIRECTIVE.exec(text) ?? [];
  if (mark === undefined || key === undefined || value === undefined) return undefined;
  const name = key.toLowerCase();
  if (!KNOWN.has(name) || (mark === "//" && name !== "syntax")) return undefined;
  const end = start + text.length;
  return { name, value, range: index.range(start, end), valueRange: index.range(end - value.length, end) };
}

function refuseRepeated(file: SourceFile, directive: Directive, earlier: readonly Directive[]): void {
  const first = earlier.find(({ name }) => name === directive.name);
  if (first === undefined) return;
  throw dockerfileError(file, {
    code: "DIRECTIVE",
    message: `the ${directive.name} directive is given twice`,
    hint: "remove one of the two lines",
    ranges: [directive.range, first.range],
  });
}

function escapeOf(file: SourceFile, directives: readonly Directive[]): string {
  const directive = directives.find(({ name }) => name === "escape");
  if (directive === undefined) return "\\";
  if (directive.value === "\\" || directive.value === "`") return directive.value;
  throw dockerfileError(file, {
    code: "DIRECTIVE",
    message: `invalid escape character ${JSON.stringify(directive.value)}`,
    hint: "the escape directive takes a backslash or a backquote",
    ranges: [directive.valueRange],
  });
}
