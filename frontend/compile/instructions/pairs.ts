/** The `name=value` pairs of ENV and LABEL. */
import type { KeyValueInstruction } from "../../syntax/ast.js";
import { errorAt } from "../dockerfile-error.js";
import type { StageState } from "../stage-state.js";
import type { Origin } from "../step.js";
import { expanded } from "../words.js";

/**
 * All of them expanded with what held before the instruction.
 * @throws {TsbuildError} DOCKERFILE_NAME_BLANK, EXPAND_…
 */
export function expandedPairs({ keyword, pairs }: KeyValueInstruction, state: StageState, origin: Origin): [name: string, value: string][] {
  return pairs.map(({ key, value }) => {
    const name = expanded(key, state, origin);
    if (name === "")
      throw errorAt(origin.file, key.range, "DOCKERFILE_NAME_BLANK", `${keyword} names can not be blank`, `"${key.value}" is empty here`);
    return [name, value === undefined ? "" : expanded(value, state, origin)];
  });
}

/** `ENV A=1 B=2`, as history shows it: values as they are, without quotes. */
export function pairsText(keyword: string, pairs: readonly (readonly [string, string])[]): string {
  return [keyword, ...pairs.map(([name, value]) => `${name}=${value}`)].join(" ");
}
