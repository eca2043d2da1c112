/** Ways through a Dockerfile that several rules take. */
import type { Stage } from "../compile/stage.js";
import { environmentOf, type StageState } from "../compile/stage-state.js";
import { TsbuildError } from "../../base/errors.js";
import { type Expansion, expand } from "../expand/expand.js";
import type { Instruction, Word } from "../syntax/ast.js";
import type { Finding, LintFacts } from "./types.js";

/** FROM and what stands below it, for every stage. */
export function instructionsOf({ from, steps }: Stage): readonly Instruction[] {
  return [from.instruction, ...steps.map(({ instruction }) => instruction)];
}

/** Calls `check` for every instruction inside a stage, of stages that nobody needs too. `before` is known where it was compiled. */
export function eachInstruction(
  { file, traces }: LintFacts,
  check: (instruction: Instruction, before: StageState | undefined, stage: Stage) => readonly Finding[],
): readonly Finding[] {
  const known = new Map(traces.flatMap(({ steps }) => steps.map(({ instruction, before }) => [instruction, before] as const)));
  return file.stages.flatMap((stage) => stage.steps.flatMap(({ instruction }) => check(instruction, known.get(instruction), stage)));
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
