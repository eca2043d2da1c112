/**
 * The one stream of events: the progress display, the JSON log, the history and the tests all read it.
 * Everything here is plain data.
 */
import type { Digest } from "./digest.js";
import type { SourceLocation } from "./source.js";

/** How a step ended. */
export type Outcome = "CACHED" | "RAN" | "SKIPPED" | "NOT RUN" | "FAILED";

export type BuildEvent = StepKnown | StepStarted | StepOutput | StepProgress | StepEnded | BuildWarning | BuildNote;

/** A step exists; sent once per vertex before anything starts. */
export interface StepKnown {
  readonly type: "step-known";
  readonly vertex: Digest;
  readonly name: string;
  readonly inputs: readonly Digest[];
  readonly isInternal: boolean;
  readonly location?: SourceLocation | undefined;
}

export interface StepStarted {
  readonly type: "step-started";
  readonly vertex: Digest;
  readonly atMs: number;
  /** Why it is not CACHED, in one line: `src/a.ts changed`, `never built here`. */
  readonly reason?: string | undefined;
}

export interface StepOutput {
  readonly type: "step-output";
  readonly vertex: Digest;
  readonly stream: 1 | 2;
  readonly data: Uint8Array;
  readonly atMs: number;
}

/** Work inside a step that can be counted: a layer being fetched, files being copied. */
export interface StepProgress {
  readonly type: "step-progress";
  readonly vertex: Digest;
  /** Names the item within the step: `sha256:…`, `exporting layers`. */
  readonly id: string;
  readonly current: number;
  readonly total?: number | undefined;
  readonly isDone: boolean;
  readonly atMs: number;
}

export interface StepEnded {
  readonly type: "step-ended";
  readonly vertex: Digest;
  readonly outcome: Outcome;
  readonly atMs: number;
  readonly error?: string | undefined;
  /** Where the step's whole output lies. */
  readonly logPath?: string | undefined;
}

/** Something is wrong but the build goes on. */
export interface BuildWarning {
  readonly type: "warning";
  readonly code: string;
  readonly message: string;
  readonly url?: string | undefined;
  readonly location?: SourceLocation | undefined;
}

/** Worth one line: a fallback taken, a lock waited for, a record healed. */
export interface BuildNote {
  readonly type: "note";
  readonly vertex?: Digest | undefined;
  readonly message: string;
}

export type EventSink = (event: BuildEvent) => void;
