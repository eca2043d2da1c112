import type { FdWriter } from "./fd-writer.js";
import type { SignalWatch } from "./signals.js";

/** What a command is given by main.ts. */
export interface CommandContext {
  /** The store's folder. */
  readonly root: string;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Results, for programs to read. */
  readonly stdout: FdWriter;
  /** Progress and errors, for people. */
  readonly stderr: FdWriter;
  /** Aborted when the user asks the program to end. */
  readonly signal: AbortSignal;
  readonly signals: SignalWatch;
}

/** Every file in commands/ exports one as `run`. Resolves to the exit code; throws what main.ts is to print. */
export type CommandFunction = (args: readonly string[], context: CommandContext) => Promise<number>;
