/** What the solver asks of those who know how to do a step, and what it says in the end. */
import type { Digest } from "../base/digest.js";
import type { Chain, KeyPart, StepKey } from "../cache/types.js";
import type { Outcome } from "../base/events.js";
import type { Vertex } from "../llb/graph.js";

/** A filesystem that is there. A local source has no chain: it is read where it lies. */
export interface Result {
  readonly chain: Chain;
  /** What is in it. Unset for a local source, of which only parts are ever looked at. */
  readonly identity: Digest | undefined;
}

/** What is known of a source without fetching it. */
export interface SourceFacts extends Result {
  readonly isPresent: boolean;
}

/** What running a step made. */
export interface RunOutcome {
  readonly chain: Chain;
  /** For a process: what it came to. Unset when the inputs determine the result (file, merge and diff ops). */
  readonly identity?: Digest | undefined;
  /** Below the store, when there was output. */
  readonly logPath?: string | undefined;
}

/** Knows how ops meet the machine. Declared here, implemented by the worker. */
export interface OpRunner {
  /** Who a source is. Fetches no more than that takes. */
  identify(vertex: Vertex, signal: AbortSignal): Promise<SourceFacts>;
  /** Makes a source's files present. */
  fetch(vertex: Vertex, signal: AbortSignal): Promise<Result>;
  /** Checksums of what the op reads of the inputs that `partialInputs` names, as key parts. */
  checksum(vertex: Vertex, inputs: ReadonlyMap<number, Result>, signal: AbortSignal): Promise<readonly KeyPart[]>;
  run(vertex: Vertex, inputs: readonly Result[], key: StepKey, signal: AbortSignal): Promise<RunOutcome>;
  /** Drops what a run made because an equal, older result is used in its place. */
  discard(outcome: RunOutcome): Promise<void>;
}

/** How a vertex ended, and what it is when it has a result. */
export interface StepReport {
  readonly vertex: Vertex;
  readonly outcome: Outcome;
  readonly durationMs: number;
  /** Why it wasn't CACHED. */
  readonly reason?: string | undefined;
}
