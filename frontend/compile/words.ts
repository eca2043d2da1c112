/** Words of an instruction with their variables put in. */
import { TsbuildError } from "../../base/errors.js";
import { type Environment, expand, expandWords } from "../expand/expand.js";
import type { Word } from "../syntax/ast.js";
import { locating } from "./dockerfile-error.js";
import { environmentOf, type StageState } from "./stage-state.js";
import type { Origin } from "./step.js";

/** One word stays one word. Quotes are taken off. */
export function expanded(word: Word, state: StageState, { file, escape }: Origin): string {
  return locating(file, word.range, () => expand(word.value, environmentOf(state), { escape }).value);
}

/** A word may become several, or none: EXPOSE. */
export function expandedWords(word: Word, state: StageState, { file, escape }: Origin): string[] {
  return locating(file, word.range, () => expandWords(word.value, environmentOf(state), { escape }));
}

/** Quotes stand for themselves, in inline files; the escape character is always a backslash there. */
export function expandedDocument(text: string, state: StageState, { file }: Origin, range: Word["range"]): string {
  return locating(file, range, () => expand(text, environmentOf(state), { escape: "\\", ignoreQuotes: true }).value);
}

/** An instruction as it is shown in the name of its step. A text that can't be expanded is shown as it stands. */
export function shownInstruction(original: string, state: StageState, { escape }: Origin): string {
  return shown(original, () => expand(original, environmentOf(state), { escape }).value);
}

/** A command as it is shown: known variables put in, all the rest as it stands, since a shell will read it again. */
export function shownCommand(original: string, state: StageState, hidden: ReadonlySet<string>, { escape }: Origin): string {
  const environment = environmentOf(state);
  const visible: Environment = { get: (name) => (hidden.has(name) ? undefined : environment.get(name)), keys: () => environment.keys() };
  return shown(original, () => expand(original, visible, { escape, rawQuotes: true, keepEscapes: true, keepUnset: true }).value);
}

function shown(original: string, expansion: () => string): string {
  try {
    return expansion();
  } catch (error) {
    if (error instanceof TsbuildError) return original;
    throw error;
  }
}
