import { eachInstruction } from "./stage-walk.js";
import type { RuleFamily } from "./types.js";

const RULE = { name: "LegacyKeyValueFormat", description: "Names and values should be joined by =, not by a blank" };

export const LEGACY_KEY_VALUE: RuleFamily = {
  rules: [RULE],
  check: (facts) =>
    eachInstruction(facts, (instruction) => {
      if ((instruction.keyword !== "ENV" && instruction.keyword !== "LABEL") || !instruction.isLegacy) return [];
      return [
        {
          rule: RULE.name,
          message: `Write ${instruction.keyword} name=value instead of ${instruction.keyword} name value`,
          range: instruction.range,
        },
      ];
    }),
};
