import type { OnbuildInstruction } from "../../syntax/ast.js";
import { refuseFlags } from "../flags.js";
import type { Origin, Step } from "../step.js";
import { metadataStep } from "./metadata-step.js";

/**
 * `ONBUILD instruction`: kept in the config, without a history entry, and done when the image is used as a base.
 * @param checkTrigger reads the trigger as an instruction would be, so that mistakes show now
 */
export function readOnbuild(instruction: OnbuildInstruction, origin: Origin, checkTrigger: () => void): Step {
  refuseFlags(instruction, origin);
  checkTrigger();
  return metadataStep(instruction, (state) => ({ ...state, triggers: state.triggers.append([instruction.text.value]) }));
}
