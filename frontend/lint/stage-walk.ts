/** Ways through a Dockerfile that several rules take. */
import type { Stage } from "../compile/stage.js";
import { environmentOf, type StageState } from "../compile/stage-state.js";
import { TsbuildError } from "../../base/errors.js";
import { type Expansion, expand } from "../expand/expand.js";
import type { Instruction, Word } from "../syntax/ast.js";
import type { Finding, IndexedFacts, LintFacts } from "./types.js";

/** FROM and what stands below it, for every stage. */
export function instructionsOf({ from, steps }: Stage): readonly Instruction[] {
  return [from.instruction, ...steps.map(({ instruction }) => instruction)];
}

/** The same instruction is in several traces where several platforms are built: the last counts. */
export function statesBefore({ traces }: LintFacts): ReadonlyMap<Instruction, StageState> {
  const states = new Map<Instruction, StageState>();
  for (const { steps } of traces) for (const { instruction, before } of steps) states.set(instruction, before);
  return states;
}

/** Calls `check` for every instruction inside a stage, of stages that nobody needs too. `before` is known where it was compiled. */
export function eachInstruction(
  { file, before }: IndexedFacts,
  check: (instruction: Instruction, before: StageState | undefined) => readonly Finding[],
): readonly Finding[] {
  return file.stages.flatMap(({ steps }) => steps.flatMap(({ instruction }) => check(instruction, before.get(instruction))));
}

/** Undefined: it has variables of an unknown stage, or can't be expanded, which is an error and no warning. */
export function expandedIn(word: Word, before: StageState | undefined, escape: string): Expansion | undefined {
  if (before === undefined) return word.value.includes("$") ? undefined : tryExpand(word.value, NOTHING, escape);
  return tryExpand(word.value, environmentOf(before), escape);
}

const NOTHING = { get: (): undefined => undefined, keys: (): readonly string[] => [] };

export function tryExpand(text: string, env: Parameters<typeof expand>[1], escape: string): Expansion | undefined {
  try {
    return expand(text, env, { escape });
  } catch (error) {
    if (error instanceof TsbuildError) return undefined;
    throw error;
  }
}
