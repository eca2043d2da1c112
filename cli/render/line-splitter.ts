import { StringDecoder } from "node:string_decoder";
import { lastRewrite, neutralize } from "./text.js";

/** A line longer than this is cut into several, so that a step without line feeds can't fill the memory. */
const LONGEST_LINE = 16 * 1024;

/** Cuts the output of a step, which comes in arbitrary pieces, into lines that are safe to show. */
export class LineSplitter {
  readonly #decoder = new StringDecoder("utf8");
  #rest = "";

  push(data: Uint8Array): readonly string[] {
    const lines = (this.#rest + this.#decoder.write(Buffer.from(data.buffer, data.byteOffset, data.byteLength))).split("\n");
    this.#rest = lines.pop() ?? "";
    while (this.#rest.length > LONGEST_LINE) {
      lines.push(this.#rest.slice(0, LONGEST_LINE));
      this.#rest = this.#rest.slice(LONGEST_LINE);
    }
    return lines.map(shown);
  }

  /** What came without a line feed at the end. */
  end(): readonly string[] {
    const last = this.#rest + this.#decoder.end();
    this.#rest = "";
    return last === "" ? [] : [shown(last)];
  }
}

function shown(line: string): string {
  return neutralize(lastRewrite(line));
}
