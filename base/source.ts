/** A place in a text. `line` counts from 1, `column` from 0 in UTF-16 units, `offset` from 0 in UTF-16 units. */
export interface SourcePosition {
  readonly line: number;
  readonly column: number;
  readonly offset: number;
}

/** From `start` up to, not including, `end`. */
export interface SourceRange {
  readonly start: SourcePosition;
  readonly end: SourcePosition;
}

/** A text that ranges point into. `name` is what messages call it, as the user wrote it. */
export interface SourceFile {
  readonly name: string;
  readonly text: string;
}

/** A range together with the file it lies in, as data that can cross threads and logs. */
export interface SourceLocation {
  readonly file: SourceFile;
  readonly ranges: readonly SourceRange[];
}

const CONTEXT_LINES = 2;
const WIDEST_LINE = 240;

/**
 * The lines around the first range, numbered, guilty lines marked with `>>>`, and a row of carets below a
 * span that lies within one line. Control characters are replaced, so that a hostile text can't steer a terminal.
 */
export function excerpt(location: SourceLocation): string {
  const first = location.ranges[0];
  if (first === undefined) return "";
  const lines = location.file.text.split("\n");
  const guilty = new Set<number>();
  for (const range of location.ranges) {
    for (let line = range.start.line; line <= lastLine(range); line++) guilty.add(line);
  }
  const from = Math.max(1, first.start.line - CONTEXT_LINES);
  const to = Math.min(lines.length, lastLine(first) + CONTEXT_LINES);
  const width = String(to).length;
  const out = ["--------------------"];
  for (let line = from; line <= to; line++) {
    const text = printable(lines[line - 1] ?? "");
    out.push(`${String(line).padStart(width)} | ${guilty.has(line) ? ">>>" : "   "} ${text}`.trimEnd());
    const carets = caretRow(first, line, text.length);
    if (carets !== undefined) out.push(`${" ".repeat(width)} |     ${carets}`);
  }
  out.push("--------------------");
  return out.join("\n");
}

/** `Dockerfile:3` for the first range of the location; the file's name alone when there is none. */
export function placeName(location: SourceLocation): string {
  const first = location.ranges[0];
  return first === undefined ? location.file.name : `${location.file.name}:${first.start.line}`;
}

function lastLine(range: SourceRange): number {
  const endsAtLineStart = range.end.column === 0 && range.end.line > range.start.line;
  return endsAtLineStart ? range.end.line - 1 : range.end.line;
}

function caretRow(range: SourceRange, line: number, length: number): string | undefined {
  if (range.start.line !== line || range.end.line !== line || range.end.column <= range.start.column) return undefined;
  if (range.start.column === 0 && range.end.column >= length) return undefined;
  if (range.end.column > WIDEST_LINE) return undefined;
  return " ".repeat(range.start.column) + "^".repeat(range.end.column - range.start.column);
}

function printable(line: string): string {
  const shown = line.length > WIDEST_LINE ? `${line.slice(0, WIDEST_LINE)}…` : line;
  // eslint-disable-next-line no-control-regex
  return shown
    .replace(/\r$/, "")
    .replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, "\ufffd")
    .replaceAll("\t", " ");
}
