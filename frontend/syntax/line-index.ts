import type { SourcePosition, SourceRange } from "../../base/source.js";

/** One line of a file: offsets of its first unit, of the end of its content, and of the next line. */
export interface Line {
  readonly start: number;
  /** Before the line feed and all carriage returns in front of it. */
  readonly contentEnd: number;
  readonly end: number;
}

/** Knows where the lines of a text begin. Lines end at line feeds only. */
export class LineIndex {
  readonly text: string;
  readonly #starts: number[] = [0];
  /** Where the last answer was found: lookups come in rising order mostly. */
  #recent = 0;

  constructor(text: string) {
    this.text = text;
    for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) this.#starts.push(at + 1);
  }

  /** Number of lines; text behind the last line feed counts, nothing behind it doesn't. */
  get count(): number {
    return this.#starts.at(-1) === this.text.length ? this.#starts.length - 1 : this.#starts.length;
  }

  /** Line number `index`, counted from 0. */
  line(index: number): Line {
    const start = this.#startOf(index);
    const end = this.#starts[index + 1] ?? this.text.length;
    let contentEnd = end;
    if (contentEnd > start && this.text.charAt(contentEnd - 1) === "\n") contentEnd--;
    while (contentEnd > start && this.text.charAt(contentEnd - 1) === "\r") contentEnd--;
    return { start, contentEnd, end };
  }

  position(offset: number): SourcePosition {
    const index = this.#indexOf(offset);
    return { line: index + 1, column: offset - this.#startOf(index), offset };
  }

  range(start: number, end: number): SourceRange {
    return { start: this.position(start), end: this.position(end) };
  }

  #startOf(index: number): number {
    return this.#starts[index] ?? this.text.length;
  }

  #indexOf(offset: number): number {
    let low = this.#startOf(this.#recent) <= offset ? this.#recent : 0;
    let high = this.#starts.length - 1;
    if (this.#startOf(low + 4) > offset) high = Math.min(high, low + 4);
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#startOf(middle) <= offset) low = middle;
      else high = middle - 1;
    }
    this.#recent = low;
    return low;
  }
}
