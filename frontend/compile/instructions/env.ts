import type { KeyValueInstruction } from "../../syntax/ast.js";
import { refuseFlags } from "../flags.js";
import { withEnv, withHistory } from "../stage-state.js";
import type { Origin, Step } from "../step.js";
import { metadataStep } from "./metadata-step.js";
import { expandedPairs, pairsText } from "./pairs.js";

/** `ENV NAME=value …`: variables of the image, for the steps below and for its containers. */
export function readEnv(instruction: KeyValueInstruction, origin: Origin): Step {
  refuseFlags(instruction, origin);
  return metadataStep(instruction, (state) => {
    const pairs = expandedPairs(instruction, state, origin);
    return withHistory(withEnv(state, pairs), pairsText("ENV", pairs), { hasLayer: false });
  });
}
