import { posix } from "node:path";
import { PatternMatcher } from "../../base/patterns.js";
import type { CopyInstruction, Word } from "../syntax/ast.js";
import { eachInstruction, expandedIn } from "./stage-walk.js";
import type { Finding, RuleFamily } from "./types.js";

const RULE = { name: "CopyIgnoredFile", description: "COPY and ADD should not name files that the ignore file keeps out of the context" };

/** Not where the ignore file takes something back with `!`: then only the files themselves could tell. */
export const COPY_IGNORED: RuleFamily = {
  rules: [RULE],
  check: (facts) => {
    const matcher = new PatternMatcher(facts.ignorePatterns ?? []);
    if (facts.ignorePatterns === undefined || matcher.hasExclusions) return [];
    return eachInstruction(facts, (instruction, before): Finding[] => {
      if (before === undefined || !readsContext(instruction)) return [];
      const paths = contextSources(instruction).flatMap((word) => expandedIn(word, before, facts.file.escape)?.value ?? []);
      const ignored = paths.filter((path) => !isAddress(path) && matcher.matches(posix.resolve("/", path).slice(1)));
      return ignored.map((path) => ({
        rule: RULE.name,
        message: `${instruction.keyword} names "${path}", which the ignore file keeps out of the context`,
        range: instruction.range,
      }));
    });
  },
};

/** Whether files of the main context are named. */
export function readsContext(instruction: { readonly keyword: string }): instruction is CopyInstruction {
  const isCopy = (one: { readonly keyword: string }): one is CopyInstruction => one.keyword === "COPY" || one.keyword === "ADD";
  return (
    isCopy(instruction) &&
    !instruction.flags.some(({ name }) => name === "from") &&
    contextSources(instruction).some(({ value }) => !isAddress(value))
  );
}

function contextSources({ words, heredocs }: CopyInstruction): readonly Word[] {
  const markers = new Set(heredocs.map(({ range }) => range.start.offset));
  return words.slice(0, -1).filter(({ range }) => !markers.has(range.start.offset));
}

function isAddress(text: string): boolean {
  return /^(?:https?|git|ssh):\/\/|^[\w.-]+@[\w.-]+:/.test(text);
}
