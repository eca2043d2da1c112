/** ONBUILD triggers of a base: instructions of another file that run in this one, right behind FROM. */
import { TsbuildError } from "../../base/errors.js";
import { parseInstructionText } from "../syntax/parse.js";
import { readStep } from "./read-step.js";
import type { Stage } from "./stage.js";
import type { Origin, Step } from "./step.js";

/**
 * @param origin of the Dockerfile that is built: mistakes in a trigger point at its FROM
 * @throws {TsbuildError} DOCKERFILE_…
 */
export function readTriggers(texts: readonly string[], stage: Stage, origin: Origin): Step[] {
  return texts.map((text) => {
    const file = { name: `ONBUILD of ${stage.from.base.value}`, text };
    const escape = origin.escape;
    return inTrigger(text, stage, origin, () => {
      const step = readStep(parseInstructionText(text, file, escape), { file, escape });
      // A trigger's ranges are of its own text; errors about what it reads from point at FROM.
      const references = step.references.map((reference) => ({ ...reference, range: stage.from.instruction.range }));
      return { ...step, references, apply: (state, context) => inTrigger(text, stage, origin, () => step.apply(state, context)) };
    });
  });
}

function inTrigger<T>(text: string, { from }: Stage, { file }: Origin, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof TsbuildError)) throw error;
    const { code, message, hint } = error;
    throw new TsbuildError(code, `in the base's trigger "${text.split("\n", 1)[0] ?? ""}": ${message}`, {
      hint,
      location: { file, ranges: [from.instruction.range] },
      cause: error.cause,
    });
  }
}
