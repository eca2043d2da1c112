import type { WordsInstruction } from "../../syntax/ast.js";
import { errorAt } from "../dockerfile-error.js";
import { refuseFlags } from "../flags.js";
import { withConfig, withHistory } from "../stage-state.js";
import type { Origin, Step } from "../step.js";
import { expanded } from "../words.js";
import { metadataStep } from "./metadata-step.js";

/** `USER name|uid[:group|gid]`: who runs RUN from here on, and the container. */
export function readUser(instruction: WordsInstruction, origin: Origin): Step {
  refuseFlags(instruction, origin);
  return metadataStep(instruction, (state) => {
    const User = expanded(instruction.text, state, origin);
    if (/\s/.test(User))
      throw errorAt(
        origin.file,
        instruction.text.range,
        "DOCKERFILE_ARGUMENTS",
        `USER requires exactly one argument, not "${User}"`,
        "write USER name:group without blanks",
      );
    return withHistory(withConfig(state, { User }), `USER ${User}`, { hasLayer: false });
  });
}
