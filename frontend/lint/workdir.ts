import { chooseBase } from "../compile/base-choice.js";
import { type Stage, stageBefore } from "../compile/stage.js";
import { TsbuildError } from "../../base/errors.js";
import type { Word } from "../syntax/ast.js";
import { expandedIn } from "./stage-walk.js";
import type { Finding, LintFacts, RuleFamily } from "./types.js";

const RULE = { name: "WorkdirRelativePath", description: "A relative WORKDIR should stand below an absolute one: it would move if the base image changed its own" };

/** The first WORKDIR of a stage counts, unless the stage it is built on has one. */
export const WORKDIR: RuleFamily = {
  rules: [RULE],
  check: (facts) => {
    const hasOne = new Set<Stage>();
    return facts.file.stages.flatMap((stage): Finding[] => {
      const first = stage.steps.find(({ instruction }) => instruction.keyword === "WORKDIR")?.instruction;
      const parent = parentOf(stage, facts);
      const isInherited = parent !== undefined && hasOne.has(parent);
      if (isInherited || first !== undefined) hasOne.add(stage);
      if (isInherited || first?.keyword !== "WORKDIR" || isAbsolute(first.text, stage, facts)) return [];
      return [{ rule: RULE.name, message: `WORKDIR "${first.text.value}" is relative to whatever the base image says`, range: first.range }];
    });
  },
};

function isAbsolute(word: Word, stage: Stage, { traces, file }: LintFacts): boolean {
  const steps = traces.find((trace) => trace.stage === stage)?.steps ?? [];
  const before = steps.find(({ instruction }) => instruction.keyword === "WORKDIR" && instruction.text === word)?.before;
  const path = expandedIn(word, before, file.escape)?.value;
  // what can't be known is not complained about
  return path === undefined || path.startsWith("/");
}

function parentOf(stage: Stage, { file, globalArgs }: LintFacts): Stage | undefined {
  try {
    return stageBefore(file.stages, chooseBase(stage, globalArgs, file).name, stage.index);
  } catch (error) {
    if (error instanceof TsbuildError) return undefined;
    throw error;
  }
}
