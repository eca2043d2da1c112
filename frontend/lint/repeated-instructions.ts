import type { Instruction } from "../syntax/ast.js";
import type { Finding, RuleFamily } from "./types.js";

const RULE = {
  name: "MultipleInstructionsDisallowed",
  description: "CMD, ENTRYPOINT and HEALTHCHECK should stand once in a stage: only the last one counts",
};

const ONCE: ReadonlySet<string> = new Set(["CMD", "ENTRYPOINT", "HEALTHCHECK"]);

/** Found at the one that has no effect. */
export const REPEATED_INSTRUCTIONS: RuleFamily = {
  rules: [RULE],
  check: ({ file }) =>
    file.stages.flatMap(({ steps }) => {
      const last = new Map<string, Instruction>();
      return steps.flatMap(({ instruction }): Finding[] => {
        if (!ONCE.has(instruction.keyword)) return [];
        const earlier = last.get(instruction.keyword);
        last.set(instruction.keyword, instruction);
        return earlier === undefined
          ? []
          : [
              {
                rule: RULE.name,
                message: `This ${instruction.keyword} has no effect: another one follows in the stage`,
                range: earlier.range,
              },
            ];
      });
    }),
};
