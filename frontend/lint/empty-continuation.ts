import type { SourceRange } from "../../base/source.js";
import type { Instruction } from "../syntax/ast.js";
import type { RuleFamily } from "./types.js";

const RULE = { name: "NoEmptyContinuation", description: "Empty lines inside a continued instruction may become errors" };

/** One finding for each instruction, at its last line: there BuildKit reports it. */
export const EMPTY_CONTINUATION: RuleFamily = {
  rules: [RULE],
  check: ({ ast }) => {
    const blanks = ast.emptyContinuations.map(({ start }) => start.line);
    let next = 0;
    return ast.instructions.flatMap((instruction) => {
      const last = lastLine(instruction);
      // both lists are in the order of the file
      const first = blanks[next];
      while ((blanks[next] ?? Infinity) <= last.start.line) next++;
      return first === undefined || first > last.start.line
        ? []
        : [{ rule: RULE.name, message: `Empty line ${first} inside a continued instruction`, range: last }];
    });
  },
};

/** Of the instruction proper: bodies of heredocs lie below it. */
function lastLine(instruction: Instruction): SourceRange {
  const { start, end } = instruction.range;
  const bodies = "heredocs" in instruction ? instruction.heredocs : [];
  const line = Math.max(start.line, Math.min(end.line, ...bodies.map(({ contentRange }) => contentRange.start.line - 1)));
  return line === end.line
    ? { start: { ...end, column: 0, offset: end.offset - end.column }, end }
    : { start: { ...start, line }, end: { ...start, line } };
}
