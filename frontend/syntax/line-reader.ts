import type { SourceRange } from "../../base/source.js";
import type { Comment } from "./ast.js";
import { skipBlanks, trimmedEnd } from "./blanks.js";
import type { Line, LineIndex } from "./line-index.js";
import { LogicalLine } from "./logical-line.js";
import type { Piece } from "./logical-line.js";

/**
 * Goes through a file once: joins continued lines, sets comments aside, and hands out raw lines for heredoc
 * bodies between two logical lines.
 */
export class LineReader {
  readonly comments: Comment[] = [];
  readonly emptyContinuations: SourceRange[] = [];
  readonly #index: LineIndex;
  readonly #escape: string;
  readonly #textStart: number;
  #next: number;

  constructor(index: LineIndex, start: { readonly escape: string; readonly nextLine: number; readonly textStart: number }) {
    this.#index = index;
    this.#escape = start.escape;
    this.#next = start.nextLine;
    this.#textStart = start.textStart;
  }

  /** The next line as the file has it; undefined at the end. */
  nextRawLine(): Line | undefined {
    if (this.#next >= this.#index.count) return undefined;
    const line = this.#index.line(this.#next++);
    return line.start === 0 ? { ...line, start: Math.min(this.#textStart, line.contentEnd) } : line;
  }

  /** The next instruction's line; undefined at the end. */
  nextLogicalLine(): LogicalLine | undefined {
    for (let line = this.nextRawLine(); line !== undefined; line = this.nextRawLine()) {
      const start = skipBlanks(this.#index.text, line.start, line.contentEnd);
      if (start >= line.contentEnd) continue;
      if (this.#isComment(start)) {
        this.comments.push(this.#comment(start, line.contentEnd));
        continue;
      }
      const logical = this.#join(start, line);
      if (logical.text !== "") return logical;
    }
    return undefined;
  }

  #join(start: number, first: Line): LogicalLine {
    const pieces: Piece[] = [];
    const texts: string[] = [];
    let length = 0;
    let sourceEnd = first.contentEnd;
    const add = (from: number, to: number): void => {
      pieces.push({ at: length, sourceAt: from });
      texts.push(this.#index.text.slice(from, to));
      length += to - from;
    };
    let cut = this.#continuation(start, first.contentEnd);
    add(start, cut ?? first.contentEnd);
    while (cut !== undefined) {
      const line = this.nextRawLine();
      if (line === undefined) break;
      const at = skipBlanks(this.#index.text, line.start, line.contentEnd);
      if (at >= line.contentEnd) {
        this.emptyContinuations.push(this.#index.range(line.start, line.contentEnd));
        continue;
      }
      if (this.#isComment(at)) continue;
      cut = this.#continuation(line.start, line.contentEnd);
      add(line.start, cut ?? line.contentEnd);
      sourceEnd = line.contentEnd;
    }
    return trimmed(texts.join(""), pieces, sourceEnd, this.#index);
  }

  #isComment(at: number): boolean {
    return this.#index.text.charAt(at) === "#";
  }

  #comment(start: number, end: number): Comment {
    return { text: this.#index.text.slice(start + 1, end).trim(), range: this.#index.range(start, end) };
  }

  /**
   * Where a line's text ends when it goes on below: before an escape character that only spaces and tabs
   * follow and that no other one stands in front of. Undefined when the line ends here.
   */
  #continuation(start: number, contentEnd: number): number | undefined {
    const { text } = this.#index;
    let at = contentEnd - 1;
    while (at >= start && (text.charAt(at) === " " || text.charAt(at) === "\t")) at--;
    if (at < start || text.charAt(at) !== this.#escape) return undefined;
    return at > start && text.charAt(at - 1) === this.#escape ? undefined : at;
  }
}

/** Without blanks around it; an empty first line that was continued leaves some in front. */
function trimmed(text: string, pieces: readonly Piece[], sourceEnd: number, index: LineIndex): LogicalLine {
  const from = skipBlanks(text, 0, text.length);
  const to = trimmedEnd(text, text.length);
  if (from >= to) return new LogicalLine("", pieces, sourceEnd, index);
  if (from === 0) return new LogicalLine(text.slice(0, to), pieces, sourceEnd, index);
  const moved: Piece[] = pieces.map(({ at, sourceAt }) => ({ at: at - from, sourceAt }));
  return new LogicalLine(text.slice(from, to), moved, sourceEnd, index);
}
