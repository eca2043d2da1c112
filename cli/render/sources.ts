/** Places in files as BuildKit's JSON has them: an index into a list of files, and ranges. */
import type { SourceFile, SourceLocation } from "../../base/source.js";

export class SourceList {
  readonly #files: SourceFile[] = [];

  /** Lines count from 1, characters from 0. */
  location({ file, ranges }: SourceLocation): object {
    const known = this.#files.findIndex(({ name, text }) => name === file.name && text === file.text);
    const sourceIndex = known >= 0 ? known : this.#files.push(file) - 1;
    const position = ({ line, column }: { readonly line: number; readonly column: number }): object => ({ line, character: column });
    return { sourceIndex, ranges: ranges.map(({ start, end }) => ({ start: position(start), end: position(end) })) };
  }

  /** As the results of checks have them. */
  described(): readonly object[] {
    return this.#files.map(({ name, text }) => ({ fileName: name, language: "Dockerfile", data: Buffer.from(text).toString("base64") }));
  }

  /** As outlines and lists of targets have them. */
  contents(): readonly string[] {
    return this.#files.map(({ text }) => Buffer.from(text).toString("base64"));
  }
}
