/** Progress as lines that only ever grow, for logs and pipes: `#3 [build 2/5] RUN make`, its output, `#3 DONE 1.2s`. */
import type { Digest } from "../../base/digest.js";
import type { BuildEvent, BuildWarning, StepEnded, StepKnown, StepOutput, StepProgress, StepStarted } from "../../base/events.js";
import { unreachable } from "../../base/unreachable.js";
import type { Display, TextSink } from "./display.js";
import { LineSplitter } from "./line-splitter.js";
import { bytes, duration, neutralize } from "./text.js";
import { warningsText } from "./warnings.js";

/** Output of steps is left out, and that is said, when the reader is this far behind. */
const BACKLOG_LIMIT_BYTES = 8 * 1024 * 1024;

interface Step {
  readonly name: string;
  /** Given when the step is first spoken of, so that numbers grow in the text. */
  number?: number;
  startedAtMs?: number;
  readonly splitters: Map<1 | 2, LineSplitter>;
  linesLeftOut: number;
}

export class PlainDisplay implements Display {
  readonly #out: TextSink;
  readonly #steps = new Map<Digest, Step>();
  readonly #warnings: BuildWarning[] = [];
  #lastNumber = 0;

  constructor(out: TextSink) {
    this.#out = out;
  }

  readonly onEvent = (event: BuildEvent): void => {
    switch (event.type) {
      case "step-known":
        return this.#known(event);
      case "step-started":
        return this.#started(event);
      case "step-output":
        return this.#output(event);
      case "step-progress":
        return this.#progress(event);
      case "step-ended":
        return this.#ended(event);
      case "warning":
        this.#warnings.push(event);
        return;
      case "note":
        return this.#line(event.vertex === undefined ? "" : this.#prefix(this.#step(event.vertex)), `note: ${event.message}`);
      default:
        return unreachable(event);
    }
  };

  finish(): void {
    this.#out.write(warningsText(this.#warnings));
  }

  #known({ vertex, name }: StepKnown): void {
    this.#steps.set(vertex, { name, splitters: new Map(), linesLeftOut: 0 });
  }

  #started({ vertex, atMs, reason }: StepStarted): void {
    const step = this.#step(vertex);
    step.startedAtMs = atMs;
    const prefix = this.#prefix(step);
    if (reason !== undefined) this.#line(prefix, `why: ${reason}`);
  }

  #output({ vertex, stream, data, atMs }: StepOutput): void {
    const step = this.#step(vertex);
    const splitter = step.splitters.get(stream) ?? new LineSplitter();
    step.splitters.set(stream, splitter);
    this.#outputLines(step, splitter.push(data), atMs);
  }

  #outputLines(step: Step, lines: readonly string[], atMs: number): void {
    if (this.#out.backlogBytes > BACKLOG_LIMIT_BYTES) {
      step.linesLeftOut += lines.length;
      return;
    }
    const prefix = this.#prefix(step);
    if (step.linesLeftOut > 0) this.#line(prefix, leftOut(step.linesLeftOut));
    step.linesLeftOut = 0;
    const seconds = ((atMs - (step.startedAtMs ?? atMs)) / 1000).toFixed(3);
    this.#out.write(lines.map((line) => `${prefix}${seconds} ${line}\n`).join(""));
  }

  /** Only what is done: a line for each percent would drown the rest. */
  #progress({ vertex, id, current, isDone }: StepProgress): void {
    if (isDone) this.#line(this.#prefix(this.#step(vertex)), `${id} ${current > 0 ? `${bytes(current)} ` : ""}done`);
  }

  #ended({ vertex, outcome, atMs, error, logPath }: StepEnded): void {
    if (outcome === "NOT RUN") return;
    const step = this.#step(vertex);
    for (const splitter of step.splitters.values()) this.#outputLines(step, splitter.end(), atMs);
    const prefix = this.#prefix(step);
    if (step.linesLeftOut > 0) this.#line(prefix, leftOut(step.linesLeftOut) + (logPath === undefined ? "" : `: ${logPath}`));
    if (outcome === "FAILED") this.#line(prefix, `ERROR: ${error ?? "failed"}`);
    else this.#line(prefix, outcome === "RAN" ? `DONE ${duration(atMs - (step.startedAtMs ?? atMs))}` : outcome);
    this.#out.write("\n");
  }

  #step(vertex: Digest): Step {
    const step = this.#steps.get(vertex);
    if (step !== undefined) return step;
    const unknown: Step = { name: vertex, splitters: new Map(), linesLeftOut: 0 };
    this.#steps.set(vertex, unknown);
    return unknown;
  }

  /** `#3 `; the step's name comes before the first of its lines. */
  #prefix(step: Step): string {
    if (step.number === undefined) {
      step.number = ++this.#lastNumber;
      this.#line(`#${step.number} `, step.name);
    }
    return `#${step.number} `;
  }

  #line(prefix: string, text: string): void {
    for (const line of neutralize(text).split("\n")) this.#out.write(`${prefix}${line}\n`);
  }
}

function leftOut(lines: number): string {
  return `${lines} lines left out, since their reader is too slow; the log on disk has all of them`;
}
