/** Characters that turn the direction of text: what a person reads is then not what is run (CVE-2021-42574). */
import type { SourceRange } from "../../base/source.js";
import type { Finding, RuleFamily } from "./types.js";

const RULE = {
  name: "BidirectionalText",
  description: "Characters that change the direction of text make a line read otherwise than it is",
  isOwn: true,
} as const;

/** Embeddings, overrides and isolates (UAX #9). */
const TURNS = /[\u202a-\u202e\u2066-\u2069]/;

/** Comments and heredocs count: they are read by people too. */
export const BIDIRECTIONAL: RuleFamily = {
  rules: [RULE],
  check: ({ ast: { file } }) => (TURNS.test(file.text) ? turnedLines(file.text) : []),
};

/** One finding a line, at the first such character. */
function turnedLines(text: string): Finding[] {
  const findings: Finding[] = [];
  let offset = 0;
  for (const [index, line] of text.split("\n").entries()) {
    const column = line.search(TURNS);
    if (column >= 0) {
      const code = line.charCodeAt(column).toString(16).toUpperCase().padStart(4, "0");
      findings.push({
        rule: RULE.name,
        message: `The character U+${code} changes the direction of the text behind it: this line is not what it seems`,
        range: oneCharacter(index + 1, column, offset + column),
      });
    }
    offset += line.length + 1;
  }
  return findings;
}

function oneCharacter(line: number, column: number, offset: number): SourceRange {
  return { start: { line, column, offset }, end: { line, column: column + 1, offset: offset + 1 } };
}
