/**
 * Terminals. The runtime makes the container's pseudo-terminal and passes bytes between it and its own stdin and stdout,
 * which therefore have to be a terminal; where ours are none, util-linux's script(1) makes one around it.
 */
import { spawn, spawnSync } from "node:child_process";
import { isatty } from "node:tty";
import { PROGRAM_ENVIRONMENT, findProgram, requireProgram } from "./runtime.js";

export interface TerminalSize {
  readonly height: number;
  readonly width: number;
}

/** Of the terminal that this process writes to; `undefined` when it is none. */
export function ownTerminalSize(): TerminalSize | undefined {
  return isatty(1) && process.stdout.columns > 0 ? { height: process.stdout.rows, width: process.stdout.columns } : undefined;
}

/** Wraps a command line so that it has a terminal. Its output, with CR LF, comes on stdout; the exit code is the command's. */
export function withTerminal(command: string, args: readonly string[]): { readonly command: string; readonly args: readonly string[] } {
  const line = ["exec", quoted(command), ...args.map(quoted)].join(" ");
  return { command: requireProgram("script", "bsdutils"), args: ["--quiet", "--return", "--flush", "--command", line, "/dev/null"] };
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

/** Gives the container's terminal the size of ours, each time ours changes, and returns how to stop. `pid` is the container's first process. */
export function followResizes(pid: () => number | undefined): () => void {
  const resize = (): void => {
    const container = pid();
    const size = ownTerminalSize();
    if (container !== undefined && size !== undefined) resizeTerminal(container, size);
  };
  process.on("SIGWINCH", resize);
  return () => {
    process.off("SIGWINCH", resize);
  };
}

/** The runtime makes exactly one terminal in the container's own devpts, so it is number 0. */
function resizeTerminal(pid: number, size: TerminalSize): void {
  const stty = findProgram("stty");
  if (stty === undefined) return;
  const args = ["-F", `/proc/${pid}/root/dev/pts/0`, "rows", String(size.height), "cols", String(size.width)];
  // A container that ends meanwhile is no error.
  spawn(stty, args, { stdio: "ignore", env: PROGRAM_ENVIRONMENT }).on("error", () => undefined);
}

/** Remembers how our terminal is set, for a runtime that is killed before it could set it back. */
export function saveTerminal(): { restore(): void } {
  const stty = findProgram("stty");
  const saved =
    stty === undefined
      ? undefined
      : spawnSync(stty, ["-g"], { stdio: ["inherit", "pipe", "ignore"], encoding: "latin1", env: PROGRAM_ENVIRONMENT }).stdout.trim();
  return {
    restore: () => {
      if (stty !== undefined && saved !== undefined && saved !== "")
        spawnSync(stty, [saved], { stdio: ["inherit", "ignore", "ignore"], env: PROGRAM_ENVIRONMENT });
    },
  };
}
