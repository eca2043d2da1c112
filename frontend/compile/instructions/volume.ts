import type { WordsInstruction } from "../../syntax/ast.js";
import { errorAt } from "../dockerfile-error.js";
import { refuseFlags } from "../flags.js";
import { goList } from "../go-format.js";
import { withHistory, withVolumes } from "../stage-state.js";
import type { Origin, Step } from "../step.js";
import { expanded } from "../words.js";
import { metadataStep } from "./metadata-step.js";

/** `VOLUME /path …`: containers get a volume there. What steps write below it stays in the image. */
export function readVolume(instruction: WordsInstruction, origin: Origin): Step {
  refuseFlags(instruction, origin);
  return metadataStep(instruction, (state) => {
    const paths = instruction.words.map((word) => {
      const path = expanded(word, state, origin);
      if (path.trim() === "") throw errorAt(origin.file, word.range, "DOCKERFILE_ARGUMENTS", "VOLUME specified can not be an empty string");
      return path;
    });
    return withHistory(withVolumes(state, paths), `VOLUME ${goList(paths)}`, { hasLayer: false });
  });
}
