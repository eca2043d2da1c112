import type { WordsInstruction } from "../../syntax/ast.js";
import { refuseFlags } from "../flags.js";
import { goList } from "../go-format.js";
import { withConfig, withHistory } from "../stage-state.js";
import type { Origin, Step } from "../step.js";
import { metadataStep } from "./metadata-step.js";

/** `SHELL ["/bin/bash", "-c"]`: what runs commands in shell form from here on. */
export function readShell(instruction: WordsInstruction, origin: Origin): Step {
  refuseFlags(instruction, origin);
  const Shell = instruction.words.map(({ value }) => value);
  return metadataStep(instruction, (state) => withHistory(withConfig(state, { Shell }), `SHELL ${goList(Shell)}`, { hasLayer: false }));
}
