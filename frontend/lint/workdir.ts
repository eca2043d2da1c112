import { chooseBase } from "../compile/base-choice.js";
import type { Stage } from "../compile/stage.js";
import type { StageState } from "../compile/stage-state.js";
import { TsbuildError } from "../../base/errors.js";
import type { Word } from "../syntax/ast.js";
import { expandedIn } from "./stage-walk.js";
import type { Finding, LintFacts, RuleFamily } from "./types.js";

const RULE = {
  name: "WorkdirRelativePath",
  description: "A relative WORKDIR should stand below an absolute one: it would move if the base image changed its own",
};

/** The first WORKDIR of a stage counts, unless the stage it is built on has one. */
export const WORKDIR: RuleFamily = {
  rules: [RULE],
  check: (facts) => {
    const hasOne = new Map<string, boolean>();
    return facts.file.stages.flatMap((stage): Finding[] => {
      const first = stage.steps.find(({ instruction }) => instruction.keyword === "WORKDIR")?.instruction;
      const isInherited = hasOne.get(baseName(stage, facts)) ?? false;
      if (stage.from.stageName !== undefined) hasOne.set(stage.from.stageName, isInherited || first !== undefined);
      if (isInherited || first?.keyword !== "WORKDIR" || isAbsolute(first.text, facts.before.get(first), facts)) return [];
      return [
        { rule: RULE.name, message: `WORKDIR "${first.text.value}" is relative to whatever the base image says`, range: first.range },
      ];
    });
  },
};

/** What can't be known is not complained about. */
function isAbsolute(word: Word, before: StageState | undefined, { file }: LintFacts): boolean {
  return expandedIn(word, before, file.escape)?.value.startsWith("/") ?? true;
}

function baseName(stage: Stage, { file, globalArgs }: LintFacts): string {
  try {
    return chooseBase(stage, globalArgs, file).name.toLowerCase();
  } catch (error) {
    if (error instanceof TsbuildError) return "";
    throw error;
  }
}
