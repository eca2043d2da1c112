/** Merge and diff ops cost nothing: they only put chains together. */
import { TsbuildError } from "../../base/errors.js";
import type { Result, RunOutcome } from "../../solver/types.js";

/** The inputs over each other, the first at the bottom. */
export function runMerge(inputs: readonly Result[]): RunOutcome {
  return { chain: inputs.flatMap((input) => input.chain) };
}

/** What input 1 has on top of input 0. */
export function runDiff(inputs: readonly Result[]): RunOutcome {
  const [lower, upper] = inputs;
  const below = lower?.chain ?? [];
  const chain = upper?.chain ?? [];
  if (!below.every((name, index) => chain[index] === name)) {
    throw new TsbuildError("DIFF_UNRELATED", "a diff is only possible against a tree that the other one was built on");
  }
  return { chain: chain.slice(below.length) };
}
