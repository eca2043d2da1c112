/** One way of writing throughout a file. */
import { instructionsOf } from "./stage-walk.js";
import type { Finding, LintFacts, RuleFamily } from "./types.js";

const STAGE_NAME = { name: "StageNameCasing", description: "Names of stages should be written in lower case" };
const FROM_AS = { name: "FromAsCasing", description: "AS should be written in the same case as its FROM" };
const INSTRUCTIONS = {
  name: "ConsistentInstructionCasing",
  description: "All instructions of a file should be written in the same case, all upper or all lower",
};

export const CASING: RuleFamily = {
  rules: [STAGE_NAME, FROM_AS, INSTRUCTIONS],
  check: (facts) => [...stageNames(facts), ...fromAs(facts), ...instructions(facts)],
};

function stageNames({ file }: LintFacts): Finding[] {
  return file.stages.flatMap(({ from }) => {
    const name = from.instruction.words[2]?.value ?? "";
    return name === name.toLowerCase()
      ? []
      : [{ rule: STAGE_NAME.name, message: `Stage name '${name}' should be in lower case`, range: from.instruction.range }];
  });
}

/** A FROM in mixed case is the other rule's. */
function fromAs({ file }: LintFacts): Finding[] {
  return file.stages.flatMap(({ from: { instruction } }) => {
    const keyword = instruction.keywordText;
    const as = instruction.words[1]?.value;
    if (as === undefined || caseOf(keyword) === "mixed" || caseOf(as) === caseOf(keyword)) return [];
    return [{ rule: FROM_AS.name, message: `'${as}' is not written in the case of '${keyword}'`, range: instruction.range }];
  });
}

/** Upper case wins a draw. ARGs above the first FROM neither vote nor count. */
function instructions({ file }: LintFacts): Finding[] {
  const all = file.stages.flatMap(instructionsOf);
  const count = (wanted: Case): number => all.filter(({ keywordText }) => caseOf(keywordText) === wanted).length;
  const majority = count("lower") > count("upper") ? "lower" : "upper";
  return all
    .filter(({ keywordText }) => caseOf(keywordText) !== majority)
    .map(({ keywordText, range }) => ({
      rule: INSTRUCTIONS.name,
      message: `Instruction '${keywordText}' should be in ${majority} case, as most here are`,
      range,
    }));
}

type Case = "lower" | "upper" | "mixed";

function caseOf(word: string): Case {
  if (word === word.toUpperCase()) return "upper";
  return word === word.toLowerCase() ? "lower" : "mixed";
}
