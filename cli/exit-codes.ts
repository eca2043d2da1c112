/** Exit codes (Docker's, and 2 for wrong usage of build and store commands). */

/** What a command belongs to: it decides the code of a failure. */
export type CommandKind = "build" | "store" | "engine";

const SIGNAL_NUMBERS: Readonly<Record<string, number>> = { SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGTERM: 15 };

/** For a flag or argument that can't be understood. */
export function usageExitCode(kind: CommandKind): number {
  return kind === "engine" ? 125 : 2;
}

/** For a command that was understood and failed. */
export function failureExitCode(kind: CommandKind): number {
  return kind === "engine" ? 125 : 1;
}

/** For a command that a signal ended: 128 plus the signal's number. */
export function signalExitCode(signal: NodeJS.Signals): number {
  return 128 + (SIGNAL_NUMBERS[signal] ?? 0);
}
