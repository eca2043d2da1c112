import type { CommandInstruction } from "../../syntax/ast.js";
import { refuseFlags } from "../flags.js";
import { goQuoteList } from "../go-format.js";
import { withConfig, withHistory } from "../stage-state.js";
import type { Origin, Step } from "../step.js";
import { commandArgs } from "./command-args.js";
import { metadataStep } from "./metadata-step.js";

/** `CMD`: the default command, or the default arguments of ENTRYPOINT. The last one counts. */
export function readCmd(instruction: CommandInstruction, origin: Origin): Step {
  refuseFlags(instruction, origin);
  return metadataStep(instruction, (state) => {
    const Cmd = commandArgs(instruction.command, state);
    const changed = withConfig({ ...state, hasOwnCmd: true }, { Cmd, ArgsEscaped: true });
    return withHistory(changed, `CMD ${goQuoteList(Cmd)}`, { hasLayer: false });
  });
}
