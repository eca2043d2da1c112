/**
 * One JSON object a line, in the form of BuildKit's SolveStatus (its client/graph.go): vertexes, statuses, logs, warnings.
 * Times are RFC 3339, bytes are base64. A vertex is sent again with each change; the last state counts.
 */
import { Buffer } from "node:buffer";
import type { BuildEvent, BuildWarning, StepEnded, StepKnown, StepOutput, StepProgress } from "../../base/events.js";
import type { Digest } from "../../base/digest.js";
import { type SourceLocation } from "../../base/source.js";
import { unreachable } from "../../base/unreachable.js";
import type { Display, TextSink } from "./display.js";

/** Logs are dropped, and that is said, when the reader is this far behind. */
const BACKLOG_LIMIT_BYTES = 64 * 1024 * 1024;

interface VertexLine {
  readonly digest: Digest;
  readonly inputs?: readonly Digest[];
  readonly name: string;
  readonly started?: string;
  readonly completed?: string;
  readonly cached?: true;
  readonly error?: string;
}

export class RawJsonDisplay implements Display {
  readonly #out: TextSink;
  readonly #vertices = new Map<Digest, VertexLine>();
  readonly #itemStarts = new Map<string, string>();
  readonly #clipped = new Set<Digest>();

  constructor(out: TextSink) {
    this.#out = out;
  }

  readonly onEvent = (event: BuildEvent): void => {
    switch (event.type) {
      case "step-known":
        return this.#known(event);
      case "step-started":
        return this.#update(event.vertex, { started: timestamp(event.atMs) });
      case "step-ended":
        return this.#ended(event);
      case "step-output":
        return this.#output(event);
      case "step-progress":
        return this.#progress(event);
      case "warning":
        return this.#send({ warnings: [warningLine(event)] });
      case "note":
        return; // BuildKit has no place for it
      default:
        return unreachable(event);
    }
  };

  finish(): void {}

  #known({ vertex, name, inputs }: StepKnown): void {
    this.#vertices.set(vertex, { digest: vertex, ...(inputs.length === 0 ? {} : { inputs }), name });
    this.#update(vertex, {});
  }

  #update(vertex: Digest, change: Partial<VertexLine>): void {
    const line: VertexLine = { ...(this.#vertices.get(vertex) ?? { digest: vertex, name: "" }), ...change };
    this.#vertices.set(vertex, line);
    this.#send({ vertexes: [line] });
  }

  /** A step that was not needed or not reached never started, so it has nothing to say. */
  #ended({ vertex, outcome, atMs, error }: StepEnded): void {
    if (outcome === "NOT RUN" || outcome === "SKIPPED") return;
    const completed = timestamp(atMs);
    const started = this.#vertices.get(vertex)?.started ?? completed;
    const cached = outcome === "CACHED" ? ({ cached: true } as const) : {};
    const failure = outcome === "FAILED" ? { error: error ?? "failed" } : {};
    this.#update(vertex, { started, completed, ...cached, ...failure });
  }

  #output({ vertex, stream, data, atMs }: StepOutput): void {
    const isClogged = this.#out.backlogBytes > BACKLOG_LIMIT_BYTES;
    if (isClogged && this.#clipped.has(vertex)) return;
    if (isClogged) this.#clipped.add(vertex);
    const shown = isClogged
      ? Buffer.from("[output left out: the reader is too slow; the log on disk has all of it]\n")
      : Buffer.from(data.buffer, data.byteOffset, data.byteLength);
    this.#send({ logs: [{ vertex, stream, data: shown.toString("base64"), timestamp: timestamp(atMs) }] });
  }

  #progress({ vertex, id, current, total, isDone, atMs }: StepProgress): void {
    const key = `${vertex} ${id}`;
    const at = timestamp(atMs);
    const started = this.#itemStarts.get(key) ?? at;
    this.#itemStarts.set(key, started);
    this.#send({
      statuses: [
        { id, vertex, ...(total === undefined ? {} : { total }), current, timestamp: at, started, ...(isDone ? { completed: at } : {}) },
      ],
    });
  }

  #send(status: object): void {
    this.#out.write(`${JSON.stringify(status)}\n`);
  }
}

function warningLine({ code, message, url, location }: BuildWarning): object {
  return {
    level: 1,
    short: Buffer.from(`${code}: ${message}`).toString("base64"),
    ...(url === undefined ? {} : { url }),
    ...(location === undefined ? {} : sourceOf(location)),
  };
}

function sourceOf({ file, ranges }: SourceLocation): object {
  return {
    sourceInfo: { filename: file.name, data: Buffer.from(file.text).toString("base64"), language: "Dockerfile" },
    range: ranges.map(({ start, end }) => ({
      start: { line: start.line, character: start.column },
      end: { line: end.line, character: end.column },
    })),
  };
}

function timestamp(atMs: number): string {
  const whole = Math.floor(atMs);
  const nanoseconds = Math.round((atMs - whole) * 1e6);
  const text = new Date(whole).toISOString();
  return nanoseconds === 0 ? text : `${text.slice(0, -1)}${String(Math.min(nanoseconds, 999_999)).padStart(6, "0")}Z`;
}
