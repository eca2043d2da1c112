import { posix } from "node:path";
import type { FileOp, Owner } from "../../../llb/op.js";
import type { WordsInstruction } from "../../syntax/ast.js";
import { refuseFlags } from "../flags.js";
import { type StageState, withConfig, withHistory, workingDir } from "../stage-state.js";
import type { Origin, Step, StepContext } from "../step.js";
import { stepMeta } from "../step-meta.js";
import { expanded, shownInstruction } from "../words.js";
import { parseOwner } from "./owner.js";

/** `WORKDIR path`: made when missing, owned by the current USER. A relative one is below the last. */
export function readWorkdir(instruction: WordsInstruction, origin: Origin): Step {
  refuseFlags(instruction, origin);
  return {
    instruction,
    isCounted: true,
    references: [],
    apply: (state, context) => {
      const path = posix.resolve("/", workingDir(state), expanded(instruction.text, state, origin));
      const made = path === "/" ? { ...state, stepsDone: state.stepsDone + 1 } : withDirectory(state, path, instruction, context);
      return withHistory(withConfig(made, { WorkingDir: path }), `WORKDIR ${path}`, { hasLayer: path !== "/" });
    },
  };
}

function withDirectory(state: StageState, path: string, { original }: WordsInstruction, context: StepContext): StageState {
  const user = state.image.config.User;
  const owner: Owner | undefined = user === undefined || user === "" ? undefined : parseOwner(user);
  const op: FileOp = {
    kind: "file",
    base: state.root !== undefined,
    actions: [{ type: "makeDir", path, mode: "0755", makeParents: true, ...(owner === undefined ? {} : { owner }) }],
  };
  const inputs = state.root === undefined ? [] : [state.root];
  const root = context.graph.add(op, inputs, stepMeta(state, context, shownInstruction(original, state, context)));
  return { ...state, root, stepsDone: state.stepsDone + 1 };
}
