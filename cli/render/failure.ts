import type { Digest } from "../../base/digest.js";
import type { BuildEvent } from "../../base/events.js";
import { LineSplitter } from "./line-splitter.js";
import { neutralize } from "./text.js";

const LAST_LINES = 20;

interface Tail {
  name: string;
  readonly lines: string[];
  readonly splitter: LineSplitter;
}

/** Listens to a build and keeps the end of each running step's output, to be shown when one of them fails. */
export class FailureWatch {
  readonly #tails = new Map<Digest, Tail>();
  #text = "";

  readonly onEvent = (event: BuildEvent): void => {
    if (event.type === "step-known") this.#tails.set(event.vertex, { name: event.name, lines: [], splitter: new LineSplitter() });
    else if (event.type === "step-output") this.#keep(event.vertex, event.data);
    else if (event.type === "step-ended") {
      if (event.outcome === "FAILED" && this.#text === "") this.#text = this.#describe(event.vertex, event.logPath);
      this.#tails.delete(event.vertex);
    }
  };

  /** The last lines of the step that failed first, and where its whole log lies. Empty when none did, or it said nothing. */
  get text(): string {
    return this.#text;
  }

  #keep(vertex: Digest, data: Uint8Array): void {
    const tail = this.#tails.get(vertex);
    if (tail === undefined) return;
    tail.lines.push(...tail.splitter.push(data));
    tail.lines.splice(0, Math.max(0, tail.lines.length - LAST_LINES));
  }

  #describe(vertex: Digest, logPath: string | undefined): string {
    const tail = this.#tails.get(vertex);
    const lines = tail === undefined ? [] : [...tail.lines, ...tail.splitter.end()].slice(-LAST_LINES);
    if (lines.length === 0) return "";
    const log = logPath === undefined ? "" : `whole log: ${logPath}\n`;
    return `------\n > ${neutralize(tail?.name ?? "")}:\n${lines.join("\n")}\n------\n${log}`;
  }
}
