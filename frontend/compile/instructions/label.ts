import type { KeyValueInstruction } from "../../syntax/ast.js";
import { refuseFlags } from "../flags.js";
import { withHistory } from "../stage-state.js";
import type { Origin, Step } from "../step.js";
import { metadataStep } from "./metadata-step.js";
import { expandedPairs, pairsText } from "./pairs.js";

/** `LABEL name=value …`: notes on the image; they replace those of the base that have the same name. */
export function readLabel(instruction: KeyValueInstruction, origin: Origin): Step {
  refuseFlags(instruction, origin);
  return metadataStep(instruction, (state) => {
    const pairs = expandedPairs(instruction, state, origin);
    return withHistory({ ...state, labels: state.labels.with(pairs) }, pairsText("LABEL", pairs), { hasLayer: false });
  });
}
