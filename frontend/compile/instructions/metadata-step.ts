import type { Instruction } from "../../syntax/ast.js";
import type { StageState } from "../stage-state.js";
import type { Step, StepContext } from "../step.js";

/** A step that changes the config alone: no vertex, no layer, not counted. */
export function metadataStep(instruction: Instruction, apply: (state: StageState, context: StepContext) => StageState): Step {
  return { instruction, isCounted: false, references: [], apply };
}
