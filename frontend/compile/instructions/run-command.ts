/** What a RUN runs: its arguments, and a script to mount where it is one with an interpreter of its own. */
import type { CommandInstruction, Heredoc } from "../../syntax/ast.js";
import { findMarkers } from "../../syntax/heredocs.js";
import { shellOf, type StageState } from "../stage-state.js";

/** Where a script with `#!` is seen by the step. */
export const SCRIPT_DIR = "/dev/pipes";

export interface RunCommand {
  readonly args: readonly string[];
  /** Unset: none. */
  readonly script: Heredoc | undefined;
  /** For the step's name: the beginning of a script. */
  readonly summary: string;
}

/**
 * `RUN <<EOF` is a script: run by its `#!` interpreter, else by the shell. Heredocs beside a command are given
 * back to the shell, which knows what to do with them.
 * @param source the text that the instruction stands in
 */
export function runCommand({ command, heredocs }: CommandInstruction, state: StageState, source: string): RunCommand {
  if (command.form === "exec") return { args: command.words.map(({ value }) => value), script: undefined, summary: "" };
  const shell = shellOf(state);
  const text = command.words[0]?.value ?? command.text.value;
  const only = isMarkerAlone(text) ? heredocs[0] : undefined;
  if (only === undefined) return { args: [...shell, withBodies(text, heredocs, source)], script: undefined, summary: "" };
  const isScript = only.content.startsWith("#!");
  const last = isScript ? `${SCRIPT_DIR}/${only.name}` : only.content;
  return { args: [...shell, last], script: isScript ? only : undefined, summary: ` (${summaryOf(only.content)})` };
}

function isMarkerAlone(text: string): boolean {
  const [marker] = findMarkers(text);
  return marker !== undefined && marker.start === 0 && marker.end === text.length;
}

/** Bodies as they stand in the file: the shell itself takes the tabs of `<<-` away. */
function withBodies(text: string, heredocs: readonly Heredoc[], source: string): string {
  return heredocs.reduce(
    (whole, { contentRange: { start, end }, name }) => `${whole}\n${source.slice(start.offset, end.offset)}${name}`,
    text,
  );
}

function summaryOf(content: string): string {
  const [first = "", ...more] = content.trim().split(/\r?\n/);
  return more.length > 0 ? `${first}...` : first;
}
