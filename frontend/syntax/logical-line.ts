import type { SourceRange } from "../../base/source.js";
import type { Word } from "./ast.js";
import type { LineIndex } from "./line-index.js";

/** A run of source text: where it begins in the joined line, and in the file. */
export interface Piece {
  readonly at: number;
  readonly sourceAt: number;
}

/** An instruction's line with its continuations joined, and the way back from each of its offsets to the file. */
export class LogicalLine {
  readonly text: string;
  readonly index: LineIndex;
  /** Offset in the file behind the last line's content: trailing blanks are part of the range, not of the text. */
  readonly sourceEnd: number;
  readonly #pieces: readonly Piece[];

  constructor(text: string, pieces: readonly Piece[], sourceEnd: number, index: LineIndex) {
    this.text = text;
    this.#pieces = pieces;
    this.sourceEnd = sourceEnd;
    this.index = index;
  }

  /** The file's range of `text.slice(start, end)`; it spans lines when the text does. */
  range(start: number, end: number): SourceRange {
    const from = this.sourceOffset(start);
    // An end belongs to the character before it, so that it does not jump to the line below.
    const to = end > start ? this.sourceOffset(end - 1) + 1 : from;
    return this.index.range(from, to);
  }

  word(start: number, end: number): Word {
    return { value: this.text.slice(start, end), range: this.range(start, end) };
  }

  sourceOffset(at: number): number {
    let low = 0;
    let high = this.#pieces.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#pieces[middle]?.at ?? 0) <= at) low = middle;
      else high = middle - 1;
    }
    const piece = this.#pieces[low] ?? { at: 0, sourceAt: 0 };
    return piece.sourceAt + at - piece.at;
  }
}
