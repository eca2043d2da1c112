import { isBlank } from "../syntax/blanks.js";

/** A word after expansion, and the part of the source that it came from. */
export interface ShellWord {
  readonly value: string;
  readonly start: number;
  readonly end: number;
}

/** A text with the source range it stands for. */
export interface Fragment {
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

/** Splits at blanks that were neither quoted nor escaped. Words that come out empty, even quoted ones, are dropped. */
export class WordCollector {
  readonly #words: ShellWord[] = [];
  #open: { text: string; start: number; end: number } | undefined;

  /** Text taken as is: blanks in it don't split. */
  addQuoted(fragment: Fragment): void {
    this.#open ??= { text: "", start: fragment.start, end: fragment.end };
    this.#open.text += fragment.text;
    this.#open.end = fragment.end;
  }

  /** Text whose characters stand one by one in the source. */
  addPlain(text: string, start: number): void {
    this.#split(text, (from, to) => ({ text: text.slice(from, to), start: start + from, end: start + to }));
  }

  /** What a variable gave: blanks in it split, but all its words have the variable's place. */
  addExpanded(fragment: Fragment): void {
    this.#split(fragment.text, (from, to) => ({ ...fragment, text: fragment.text.slice(from, to) }));
  }

  finish(): readonly ShellWord[] {
    this.#close();
    return this.#words;
  }

  #split(text: string, fragment: (from: number, to: number) => Fragment): void {
    for (let at = 0; at < text.length;) {
      if (isBlank(text.charAt(at))) {
        this.#close();
        at++;
        continue;
      }
      let end = at + 1;
      while (end < text.length && !isBlank(text.charAt(end))) end++;
      this.addQuoted(fragment(at, end));
      at = end;
    }
  }

  #close(): void {
    if (this.#open === undefined || this.#open.text === "") return;
    const { text, start, end } = this.#open;
    this.#words.push({ value: text, start, end });
    this.#open = undefined;
  }
}
