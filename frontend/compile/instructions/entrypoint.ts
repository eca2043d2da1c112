import type { CommandInstruction } from "../../syntax/ast.js";
import { refuseFlags } from "../flags.js";
import { goQuoteList } from "../go-format.js";
import { withConfig, withHistory } from "../stage-state.js";
import type { Origin, Step } from "../step.js";
import { commandArgs } from "./command-args.js";
import { metadataStep } from "./metadata-step.js";

/** `ENTRYPOINT`: what the container runs. A CMD that the base set was meant for another one and goes. */
export function readEntrypoint(instruction: CommandInstruction, origin: Origin): Step {
  refuseFlags(instruction, origin);
  return metadataStep(instruction, (state) => {
    const args = commandArgs(instruction.command, state);
    const Entrypoint = args.length === 0 ? undefined : args;
    const changed = withConfig(state, { Entrypoint, ...(state.hasOwnCmd ? {} : { Cmd: undefined }) });
    return withHistory(changed, `ENTRYPOINT ${goQuoteList(args)}`, { hasLayer: false });
  });
}
