import type { CommandLine } from "../../syntax/ast.js";
import { shellOf, type StageState } from "../stage-state.js";

/** The arguments of a command: an array's strings, or the shell with the text as its last argument. */
export function commandArgs(command: CommandLine, state: StageState): string[] {
  if (command.form === "exec") return command.words.map(({ value }) => value);
  const text = command.words[0]?.value ?? "";
  return text === "" ? [] : [...shellOf(state), text];
}
