import type { WordsInstruction } from "../../syntax/ast.js";
import { refuseFlags } from "../flags.js";
import { withHistory } from "../stage-state.js";
import type { Origin, Step } from "../step.js";
import { metadataStep } from "./metadata-step.js";

/** `MAINTAINER name`, deprecated: the author field of the image. Its variables are not expanded. */
export function readMaintainer(instruction: WordsInstruction, origin: Origin): Step {
  refuseFlags(instruction, origin);
  const author = instruction.text.value;
  return metadataStep(instruction, (state) =>
    withHistory({ ...state, image: { ...state.image, author } }, `MAINTAINER ${author}`, { hasLayer: false }),
  );
}
