import type { Comment, Instruction } from "../syntax/ast.js";
import type { Finding, LintFacts, RuleFamily } from "./types.js";

const RULE = {
  name: "InvalidDefinitionDescription",
  description:
    "A comment right above an ARG or a named stage describes it and should begin with its name; an empty line between them makes it an ordinary comment",
  isExperimental: true,
} as const;

export const DESCRIPTIONS: RuleFamily = {
  rules: [RULE],
  check: ({ ast, file }: LintFacts) => {
    const stageNames = new Map(file.stages.map(({ from }): [Instruction, string | undefined] => [from.instruction, from.stageName]));
    const above = new Map(ast.comments.map((comment) => [comment.range.start.line, comment]));
    return ast.instructions.flatMap((instruction): Finding[] => {
      const names = definedNames(instruction, stageNames);
      const comment = above.get(instruction.range.start.line - 1);
      if (names.length === 0 || comment === undefined || isDescription(comment, names)) return [];
      const name = names.length === 1 ? names[0] : "NAME";
      return [
        {
          rule: RULE.name,
          message: `The comment above ${instruction.keyword} should have the form: # ${name} description`,
          range: instruction.range,
        },
      ];
    });
  },
};

function definedNames(instruction: Instruction, stageNames: ReadonlyMap<Instruction, string | undefined>): readonly string[] {
  if (instruction.keyword === "ARG") return instruction.pairs.map(({ key }) => key.value);
  const name = stageNames.get(instruction);
  return name === undefined ? [] : [name];
}

/** A comment for the checker describes nothing. */
function isDescription({ text }: Comment, names: readonly string[]): boolean {
  return text.startsWith("check=") || names.includes(text.split(" ", 1)[0] ?? "");
}
