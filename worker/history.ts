/** What is kept of a build: a summary beside the logs of its steps. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Digest } from "../base/digest.js";
import type { EventSink, Outcome } from "../base/events.js";
import type { Store } from "../cache/store.js";
import type { BuildRequest } from "./types.js";

interface StepSummary {
  name: string;
  outcome?: Outcome;
  reason?: string;
  startedAtMs?: number;
  endedAtMs?: number;
  error?: string;
}

export class BuildHistory {
  readonly #dir: string;
  readonly #startedAtMs = Date.now();
  readonly #steps = new Map<Digest, StepSummary>();
  readonly #about: {
    readonly dockerfile: string;
    readonly context: string | undefined;
    readonly tags: readonly string[];
    readonly target: string | undefined;
  };

  constructor(store: Store, buildId: string, request: BuildRequest) {
    this.#dir = store.path("builds", buildId);
    this.#about = { dockerfile: request.dockerfile.name, context: request.contextDir, tags: request.tags, target: request.target };
  }

  /** Passes every event on, and keeps what the summary needs. */
  recording(sink: EventSink): EventSink {
    return (event) => {
      if (event.type === "step-known") this.#steps.set(event.vertex, { name: event.name });
      if (event.type === "step-started")
        this.#note(event.vertex, { startedAtMs: event.atMs, ...(event.reason === undefined ? {} : { reason: event.reason }) });
      if (event.type === "step-ended") {
        this.#note(event.vertex, {
          outcome: event.outcome,
          endedAtMs: event.atMs,
          ...(event.error === undefined ? {} : { error: event.error }),
        });
      }
      sink(event);
    };
  }

  end(outcome: "completed" | "failed", error?: unknown): void {
    mkdirSync(this.#dir, { recursive: true, mode: 0o700 });
    const summary = {
      ...this.#about,
      outcome,
      ...(error instanceof Error ? { error: error.message } : {}),
      startedAtMs: this.#startedAtMs,
      endedAtMs: Date.now(),
      steps: [...this.#steps].map(([vertex, step]) => ({ vertex, ...step })),
    };
    writeFileSync(join(this.#dir, "build.json"), JSON.stringify(summary), { mode: 0o600 });
  }

  #note(vertex: Digest, facts: Partial<StepSummary>): void {
    const step = this.#steps.get(vertex);
    if (step !== undefined) Object.assign(step, facts);
  }
}
