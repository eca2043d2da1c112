import type { SourceRange } from "../../base/source.js";
import type { Instruction } from "../syntax/ast.js";
import type { RuleFamily } from "./types.js";

const RULE = { name: "NoEmptyContinuation", description: "Empty lines inside a continued instruction may become errors" };

/** One finding for each instruction, at its last line: there BuildKit reports it. */
export const EMPTY_CONTINUATION: RuleFamily = {
  rules: [RULE],
  check: ({ ast }) =>
    ast.instructions.flatMap((instruction) => {
      const last = lastLine(instruction);
      const blank = ast.emptyContinuations.find(({ start }) => start.line > instruction.range.start.line && start.line <= last.start.line);
      return blank === undefined ? [] : [{ rule: RULE.name, message: `Empty line ${blank.start.line} inside a continued instruction`, range: last }];
    }),
};

/** Of the instruction proper: bodies of heredocs lie below it. */
function lastLine(instruction: Instruction): SourceRange {
  const { start, end } = instruction.range;
  const bodies = "heredocs" in instruction ? instruction.heredocs : [];
  const line = Math.max(start.line, Math.min(end.line, ...bodies.map(({ contentRange }) => contentRange.start.line - 1)));
  return line === end.line ? { start: { ...end, column: 0, offset: end.offset - end.column }, end } : { start: { ...start, line }, end: { ...start, line } };
}
