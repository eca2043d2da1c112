/**
 * Progress on a terminal: a line for each step that has ended, which stays, and below them a region that is drawn
 * anew at most ten times a second: the steps that run, each with the last lines of its output.
 */
import picocolors from "picocolors";
import type { Digest } from "../../base/digest.js";
import type { BuildEvent, BuildWarning, StepEnded, StepKnown, StepStarted } from "../../base/events.js";
import { unreachable } from "../../base/unreachable.js";
import type { Display, TextSink } from "./display.js";
import { LineSplitter } from "./line-splitter.js";
import { bytes, clip, duration, neutralize } from "./text.js";
import { warningsText } from "./warnings.js";

const REDRAW_MS = 100;
const OUTPUT_LINES = 6;
const FALLBACK_COLUMNS = 80;
const FALLBACK_ROWS = 24;
/** The terminal is not being read (Ctrl-S): nothing more is drawn until it has caught up. */
const BACKLOG_LIMIT_BYTES = 256 * 1024;

export interface Terminal {
  readonly columns: () => number | undefined;
  readonly rows: () => number | undefined;
  readonly nowMs: () => number;
}

interface RunningStep {
  readonly name: string;
  readonly reason: string | undefined;
  readonly startedAtMs: number;
  readonly splitter: LineSplitter;
  readonly lastLines: string[];
  readonly items: Map<string, { readonly current: number; readonly total: number | undefined }>;
}

export class TtyDisplay implements Display {
  readonly #out: TextSink;
  readonly #terminal: Terminal;
  readonly #startedAtMs: number;
  readonly #known = new Map<Digest, StepKnown>();
  readonly #running = new Map<Digest, RunningStep>();
  readonly #warnings: BuildWarning[] = [];
  #permanent = "";
  #ended = 0;
  #rowsDrawn = 0;
  readonly #timer: NodeJS.Timeout;

  constructor(out: TextSink, terminal: Terminal) {
    this.#out = out;
    this.#terminal = terminal;
    this.#startedAtMs = terminal.nowMs();
    this.#timer = setInterval(() => this.redraw(), REDRAW_MS);
    this.#timer.unref();
  }

  readonly onEvent = (event: BuildEvent): void => {
    switch (event.type) {
      case "step-known":
        this.#known.set(event.vertex, event);
        return;
      case "step-started":
        return this.#start(event);
      case "step-output":
        return this.#output(event.vertex, event.data);
      case "step-progress":
        return this.#progress(event.vertex, event.id, event.isDone ? undefined : { current: event.current, total: event.total });
      case "step-ended":
        return this.#end(event);
      case "warning":
        this.#warnings.push(event);
        return;
      case "note":
        return this.#keep(picocolors.dim(`   note: ${clip(neutralize(event.message), this.#columns - 9)}`));
      default:
        return unreachable(event);
    }
  };

  finish(): void {
    clearInterval(this.#timer);
    this.#running.clear();
    this.#out.write(this.#frame([]) + warningsText(this.#warnings));
  }

  /** Draws the region anew, below the lines that have become permanent since. */
  redraw(): void {
    if (this.#out.backlogBytes > BACKLOG_LIMIT_BYTES) return;
    this.#out.write(this.#frame(this.#region()));
  }

  #start({ vertex, atMs, reason }: StepStarted): void {
    const name = neutralize(this.#known.get(vertex)?.name ?? vertex);
    this.#running.set(vertex, {
      name,
      reason: reason && neutralize(reason),
      startedAtMs: atMs,
      splitter: new LineSplitter(),
      lastLines: [],
      items: new Map(),
    });
  }

  #output(vertex: Digest, data: Uint8Array): void {
    const step = this.#running.get(vertex);
    if (step === undefined) return;
    step.lastLines.push(...step.splitter.push(data));
    step.lastLines.splice(0, Math.max(0, step.lastLines.length - OUTPUT_LINES));
  }

  #progress(vertex: Digest, id: string, state: { readonly current: number; readonly total: number | undefined } | undefined): void {
    const items = this.#running.get(vertex)?.items;
    if (state === undefined) items?.delete(id);
    else items?.set(id, state);
  }

  #end({ vertex, outcome, atMs }: StepEnded): void {
    const step = this.#running.get(vertex);
    const known = this.#known.get(vertex);
    this.#running.delete(vertex);
    this.#ended++;
    if (outcome === "NOT RUN" || outcome === "SKIPPED" || known?.isInternal === true) return;
    const time = step === undefined ? "" : duration(atMs - step.startedAtMs);
    const why = outcome === "RAN" && step?.reason !== undefined ? `  ${step.reason}` : "";
    const mark = { CACHED: picocolors.dim("="), RAN: picocolors.green("✔"), FAILED: picocolors.red("✘") }[outcome];
    const tail = outcome === "CACHED" ? "CACHED" : time;
    const text = clip(`${neutralize(known?.name ?? vertex)}${why}`, this.#columns - tail.length - 5);
    this.#keep(` ${mark} ${outcome === "CACHED" ? picocolors.dim(text) : text}  ${picocolors.dim(tail)}`);
  }

  #keep(line: string): void {
    this.#permanent += `${line}\n`;
  }

  /** One write: up over the old region, clear, the new permanent lines, the new region. */
  #frame(region: readonly string[]): string {
    const rewind = this.#rowsDrawn === 0 ? "" : `\u001b[${this.#rowsDrawn}A\r\u001b[0J`;
    const frame = rewind + this.#permanent + region.map((line) => `${line}\n`).join("");
    this.#permanent = "";
    this.#rowsDrawn = region.length;
    return frame;
  }

  #region(): readonly string[] {
    const now = this.#terminal.nowMs();
    const head = picocolors.bold(`[+] ${duration(now - this.#startedAtMs)}  ${this.#ended}/${this.#known.size} steps`);
    const rows = Math.max(1, (this.#terminal.rows() ?? FALLBACK_ROWS) - 2);
    const steps = [...this.#running.values()];
    const linesEach = Math.min(OUTPUT_LINES, Math.max(0, Math.floor((rows - steps.length) / Math.max(1, steps.length))));
    return [head, ...steps.flatMap((step) => this.#stepLines(step, { now, linesEach }))].slice(0, rows + 1);
  }

  #stepLines(step: RunningStep, { now, linesEach }: { readonly now: number; readonly linesEach: number }): readonly string[] {
    const time = duration(now - step.startedAtMs);
    const counts = [...step.items]
      .slice(0, 1)
      .map(
        ([id, { current, total }]) =>
          `  ${neutralize(id).slice(0, 19)} ${bytes(current)}${total === undefined ? "" : ` of ${bytes(total)}`}`,
      );
    const title = clip(`${step.name}${counts.join("")}`, this.#columns - time.length - 5);
    const output = linesEach === 0 ? [] : step.lastLines.slice(-linesEach);
    return [` ${picocolors.cyan("▸")} ${title}  ${time}`, ...output.map((line) => picocolors.dim(`     ${clip(line, this.#columns - 6)}`))];
  }

  get #columns(): number {
    return Math.max(20, this.#terminal.columns() ?? FALLBACK_COLUMNS);
  }
}
