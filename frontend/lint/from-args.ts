/** Variables in FROM. */
import { TsbuildError } from "../../base/errors.js";
import { chooseBase } from "../compile/base-choice.js";
import { environmentOfMap } from "../compile/global-args.js";
import { checkImageName } from "../compile/image-name.js";
import type { Stage } from "../compile/stage.js";
import { nearest } from "../syntax/suggest.js";
import type { Word } from "../syntax/ast.js";
import { tryExpand } from "./stage-walk.js";
import type { Finding, LintFacts, RuleFamily } from "./types.js";

const UNDEFINED = { name: "UndefinedArgInFrom", description: "FROM should use only variables that an ARG above the first FROM declares" };
const DEFAULT = { name: "InvalidDefaultArgInFrom", description: "Without build arguments FROM should still name an image" };

export const FROM_ARGS: RuleFamily = {
  rules: [UNDEFINED, DEFAULT],
  check: (facts) => [...undefinedArgs(facts), ...invalidDefaults(facts)],
};

/** Up to the first FROM that makes no sense: that is an error, and what comes after it isn't looked at. */
function undefinedArgs(facts: LintFacts): Finding[] {
  const findings: Finding[] = [];
  const { file, globalArgs } = facts;
  const names = new Set([...globalArgs.keys(), ...file.globalArgs.flatMap(({ pairs }) => pairs.map(({ key }) => key.value))]);
  for (const stage of facts.file.stages) {
    const { base, platform } = stage.from;
    findings.push(...[base, ...(platform === undefined ? [] : [platform])].flatMap((word) => undeclared(word, stage, names, facts)));
    if (!canBegin(stage, facts)) break;
  }
  return findings;
}

function undeclared(word: Word, { from }: Stage, names: ReadonlySet<string>, { file, globalArgs }: LintFacts): Finding[] {
  const missing = tryExpand(word.value, environmentOfMap(globalArgs), file.escape)?.missing ?? new Set();
  return [...missing]
    .filter((name) => !names.has(name))
    .map((name) => {
      const meant = nearest(name, names);
      const suggestion = meant === undefined ? "" : ` (did you mean ${meant}?)`;
      return {
        rule: UNDEFINED.name,
        message: `FROM uses '${name}', which no ARG above the first FROM declares${suggestion}`,
        range: from.instruction.range,
      };
    });
}

function canBegin(stage: Stage, { file, globalArgs }: LintFacts): boolean {
  return succeeds(() => chooseBase(stage, globalArgs, file));
}

function invalidDefaults({ file, defaultArgs }: LintFacts): Finding[] {
  if (defaultArgs === undefined) return [];
  return file.stages.flatMap(({ from: { base, instruction } }) => {
    const name = tryExpand(base.value, environmentOfMap(defaultArgs), file.escape)?.value;
    if (name === undefined || succeeds(() => checkImageName(name))) return [];
    return [
      { rule: DEFAULT.name, message: `Without build arguments ${base.value} is "${name}", which names no image`, range: instruction.range },
    ];
  });
}

function succeeds(work: () => unknown): boolean {
  try {
    work();
    return true;
  } catch (error) {
    if (error instanceof TsbuildError) return false;
    throw error;
  }
}
