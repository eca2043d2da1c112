import { environmentOf, type StageState } from "../compile/stage-state.js";
import { expand } from "../expand/expand.js";
import { TsbuildError } from "../../base/errors.js";
import type { CopyInstruction, Instruction, KeyValueInstruction } from "../syntax/ast.js";
import { nearest } from "../syntax/suggest.js";
import { eachInstruction } from "./stage-walk.js";
import type { Finding, LintFacts, RuleFamily } from "./types.js";

const RULE = { name: "UndefinedVar", description: "Variables should be set before they are used" };

/** Read by the builder, never put into a stage's environment. */
const BUILDERS_OWN: ReadonlySet<string> = new Set(["BUILDKIT_SBOM_SCAN_CONTEXT", "BUILDKIT_SBOM_SCAN_STAGE"]);

/** Only where the stage was compiled: otherwise nobody knows what its image sets. */
export const UNDEFINED_VARIABLE: RuleFamily = {
  rules: [RULE],
  check: (facts) =>
    eachInstruction(facts, (instruction, before) => {
      if (before === undefined) return [];
      const missing = new Set(textsOf(instruction, facts).flatMap((text) => missingIn(text, before, facts.file.escape)));
      return [...missing].map((name) => finding(name, before, instruction));
    }),
};

function finding(name: string, before: StageState, { range }: Instruction): Finding {
  const meant = nearest(name, environmentOf(before).keys());
  const suggestion = meant === undefined ? "" : ` (did you mean $${meant}?)`;
  return { rule: RULE.name, message: `Variable '$${name}' is used but never set${suggestion}`, range };
}

/** Quotes of a document stand for themselves, and its escape character is always a backslash. */
interface Text {
  readonly value: string;
  readonly isDocument?: true;
}

function missingIn({ value, isDocument }: Text, before: StageState, escape: string): readonly string[] {
  if (!value.includes("$")) return [];
  const declared = new Set(before.args.toArray().map(({ name }) => name));
  try {
    const { missing } = expand(value, environmentOf(before), isDocument === true ? { escape: "\\", ignoreQuotes: true } : { escape });
    return [...missing].filter((name) => !declared.has(name) && !BUILDERS_OWN.has(name));
  } catch (error) {
    if (error instanceof TsbuildError) return [];
    throw error;
  }
}

/** What of an instruction is expanded by the builder. The rest is left to shells. */
function textsOf(instruction: Instruction, facts: LintFacts): readonly Text[] {
  switch (instruction.keyword) {
    case "COPY":
    case "ADD":
      return copyTexts(instruction);
    case "ENV":
    case "LABEL":
    case "ARG":
      return pairTexts(instruction, facts);
    case "WORKDIR":
    case "USER":
    case "STOPSIGNAL":
      return [instruction.text];
    case "VOLUME":
      return instruction.words;
    case "RUN":
      return instruction.flags.flatMap(({ value }) => (value === undefined ? [] : [value]));
    default:
      return [];
  }
}

function copyTexts({ words, flags, heredocs }: CopyInstruction): readonly Text[] {
  const markers = new Set(heredocs.map(({ range }) => range.start.offset));
  const documents = heredocs.filter((heredoc) => heredoc.expand).map(({ content }): Text => ({ value: content, isDocument: true }));
  return [...words.filter(({ range }) => !markers.has(range.start.offset)), ...flags.flatMap(({ value }) => (value === undefined ? [] : [value])), ...documents];
}

/** The default of an ARG counts only when it is used. */
function pairTexts({ keyword, pairs }: KeyValueInstruction, { buildArgs }: LintFacts): readonly Text[] {
  return pairs.flatMap(({ key, value }) => {
    const isUnused = keyword === "ARG" && buildArgs.has(key.value);
    return [key, ...(value === undefined || isUnused ? [] : [value])];
  });
}
