/** Brings the roots of a graph about, from the cache where it can and by running steps where it must. */
import type { Digest } from "../base/digest.js";
import type { EventSink, Outcome } from "../base/events.js";
import type { Chain, Locks, StepRecords } from "../cache/types.js";
import { type Graph, type Vertex, topological } from "../llb/graph.js";
import { Attempt, IdentityMoved, type Progress } from "./attempt.js";
import { criticalPath } from "./priority.js";
import { Slots } from "./slots.js";
import type { OpRunner, Result } from "./types.js";

export interface SolveOptions {
  readonly graph: Graph;
  readonly roots: readonly Vertex[];
  readonly runner: OpRunner;
  readonly steps: StepRecords;
  readonly hasAll: (chain: Chain) => Promise<boolean>;
  readonly locks: Locks;
  readonly events: EventSink;
  /** Steps that run at the same time, at most. */
  readonly maxParallelism: number;
  readonly signal: AbortSignal;
  /** Sets the places of this Dockerfile apart from those of others, in the same words from build to build. */
  readonly project: string;
  readonly nowMs?: () => number;
}

/**
 * The results of the roots, in their order.
 * Every vertex ends with exactly one outcome event. The first failure cancels the rest, which has ended, with
 * everything it held given back, before this rejects with that failure.
 */
export async function solve(options: SolveOptions): Promise<readonly Result[]> {
  const progress: Progress = { made: new Map(), outcomes: new Map() };
  announce(options);
  const full = {
    ...options,
    nowMs: options.nowMs ?? Date.now,
    slots: new Slots(options.maxParallelism),
    priority: criticalPath(options.roots),
  };
  try {
    for (;;) {
      const results = await attemptOnce(full, progress, options.signal);
      if (results !== undefined) {
        endRest(options, progress, "SKIPPED");
        return results;
      }
    }
  } catch (error) {
    endRest(options, progress, "NOT RUN");
    throw error;
  }
}

/** Undefined: an identity moved, start over. Each time at least one more step has been made, so it ends. */
async function attemptOnce(
  options: ConstructorParameters<typeof Attempt>[0],
  progress: Progress,
  signal: AbortSignal,
): Promise<Result[] | undefined> {
  const stop = new AbortController();
  const attempt = new Attempt(options, progress, AbortSignal.any([signal, stop.signal]));
  try {
    return await attempt.run();
  } catch (error) {
    const hasMoved = error instanceof IdentityMoved && !signal.aborted;
    if (!hasMoved) stop.abort(error);
    const failure = await attempt.settled();
    if (hasMoved && failure === undefined) return undefined;
    throw hasMoved ? failure : error;
  }
}

function announce(options: SolveOptions): void {
  for (const vertex of topological(options.roots)) {
    const meta = options.graph.meta(vertex);
    options.events({
      type: "step-known",
      vertex: vertex.digest,
      name: meta.name,
      inputs: vertex.inputs.map((input) => input.digest),
      isInternal: meta.isInternal,
      location: meta.location,
    });
  }
}

function endRest(options: SolveOptions, progress: Progress, outcome: Outcome): void {
  const atMs = (options.nowMs ?? Date.now)();
  for (const { digest } of topological(options.roots)) {
    if (!progress.outcomes.has(digest)) options.events({ type: "step-ended", vertex: digest satisfies Digest, outcome, atMs });
  }
}
