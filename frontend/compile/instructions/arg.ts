import type { KeyValue, KeyValueInstruction, Word } from "../../syntax/ast.js";
import { refuseFlags } from "../flags.js";
import { type DeclaredArg, type StageState, withArg, withHistory } from "../stage-state.js";
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
    const words = ["ARG"];
    let declared = state;
    for (const pair of instruction.pairs) {
      const arg = readPair(pair, declared, context);
      words.push(argText(arg));
      declared = withArg(declared, arg);
    }
    return withHistory(declared, words.join(" "), { hasLayer: false });
  });
}

function readPair({ key, value }: KeyValue, state: StageState, context: StepContext): DeclaredArg {
  const name = expanded(key, state, context);
  return { name, value: valueOf(name, value, state, context) };
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
