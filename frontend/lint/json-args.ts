import { eachInstruction } from "./stage-walk.js";
import type { RuleFamily } from "./types.js";

const RULE = {
  name: "JSONArgsRecommended",
  description: "CMD and ENTRYPOINT should be arrays in JSON, so that signals reach the program and not a shell around it",
};

/** Whoever sets SHELL wants a shell. Where the stage isn't known, neither is its shell. */
export const JSON_ARGS: RuleFamily = {
  rules: [RULE],
  check: (facts) =>
    eachInstruction(facts, (instruction, before) => {
      if (instruction.keyword !== "CMD" && instruction.keyword !== "ENTRYPOINT") return [];
      const hasShell = before === undefined || (before.image.config.Shell ?? []).length > 0;
      if (instruction.command.form === "exec" || hasShell) return [];
      return [
        {
          rule: RULE.name,
          message: `${instruction.keyword} should be an array in JSON: in a shell's place the program would get no signals`,
          range: instruction.range,
        },
      ];
    }),
};
