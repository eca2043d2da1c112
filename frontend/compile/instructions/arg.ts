import type { KeyValue, KeyValueInstruction, Word } from "../../syntax/ast.js";
import { refuseFlags } from "../flags.js";
import { type DeclaredArg, type StageState, withArgs, withHistory } from "../stage-state.js";
import type { Origin, Step, StepContext } from "../step.js";
import { expanded } from "../words.js";
import { metadataStep } from "./metadata-step.js";

/**
 * `ARG name[=default] …`: makes a build argument visible from here on. Its value is what the caller gives, else
 * the default, else what a predefined or global ARG of the name has. Later names of a line see earlier ones.
 */
export function readArg(instruction: KeyValueInstruction, origin: Origin): Step {
  refuseFlags(instruction, origin);
  return metadataStep(instruction, (state, context) => {
    const declared = instruction.pairs.reduce((before, pair) => declare(before, pair, context), state);
    const fresh = declared.args.toArray(state.args.length);
    return withHistory(declared, ["ARG", ...fresh.map(argText)].join(" "), { hasLayer: false });
  });
}

function declare(state: StageState, { key, value }: KeyValue, context: StepContext): StageState {
  const name = expanded(key, state, context);
  return withArgs(state, [{ name, value: valueOf(name, value, state, context) }]);
}

/** A default that isn't used isn't expanded: it may refer to what nobody gave. */
function valueOf(name: string, defaultValue: Word | undefined, state: StageState, context: StepContext): string | undefined {
  const given = context.buildArgs.get(name);
  if (given !== undefined) return given;
  return defaultValue === undefined ? context.globalArgs.get(name) : expanded(defaultValue, state, context);
}

function argText({ name, value }: DeclaredArg): string {
  return value === undefined ? name : `${name}=${value}`;
}
