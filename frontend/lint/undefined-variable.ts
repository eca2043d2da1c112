import { environmentOf, type StageState } from "../compile/stage-state.js";
import { expand } from "../expand/expand.js";
import { TsbuildError } from "../../base/errors.js";
import type { CopyInstruction, Instruction, KeyValueInstruction } from "../syntax/ast.js";
import { nearest } from "../syntax/suggest.js";
import type { Finding, LintFacts, RuleFamily, StageTrace, TracedStep } from "./types.js";

const RULE = { name: "UndefinedVar", description: "Variables should be set before they are used" };

/** Read by the builder, never put into a stage's environment. */
const BUILDERS_OWN: ReadonlySet<string> = new Set(["BUILDKIT_SBOM_SCAN_CONTEXT", "BUILDKIT_SBOM_SCAN_STAGE"]);

/** Looking for similar names takes time in proportion to their number, so it isn't done for any number of findings. */
const MOST_SUGGESTIONS = 100;

/** Only where the stage was compiled: otherwise nobody knows what its image sets. */
export const UNDEFINED_VARIABLE: RuleFamily = {
  rules: [RULE],
  check: (facts) => {
    const findings: Finding[] = [];
    for (const trace of facts.traces) {
      for (const { instruction, before, missing } of missingByStep(trace, facts)) {
        for (const name of missing)
          findings.push(finding(name, findings.length < MOST_SUGGESTIONS ? environmentOf(before).keys() : [], instruction));
      }
    }
    return findings;
  },
};

function finding(name: string, known: Iterable<string>, { range }: Instruction): Finding {
  const meant = nearest(name, known);
  const suggestion = meant === undefined ? "" : ` (did you mean $${meant}?)`;
  return { rule: RULE.name, message: `Variable '$${name}' is used but never set${suggestion}`, range };
}

/** An ARG without a value is declared all the same, for the later names of its line too. */
function* missingByStep({ steps }: StageTrace, facts: LintFacts): Generator<TracedStep & { readonly missing: ReadonlySet<string> }> {
  const declared = new Set(steps[0]?.before.args.toMap().keys());
  for (const { instruction, before } of steps) {
    const missing = new Set<string>();
    for (const text of textsOf(instruction, facts)) {
      for (const name of missingIn(text, before, facts.file.escape)) if (!declared.has(name)) missing.add(name);
      if (text.declares !== undefined) declared.add(text.declares);
    }
    if (missing.size > 0) yield { instruction, before, missing };
  }
}

interface Text {
  readonly value: string;
  /** Quotes of a document stand for themselves, and its escape character is always a backslash. */
  readonly isDocument?: true;
  /** The ARG that stands here. */
  readonly declares?: string;
}

function missingIn({ value, isDocument }: Text, before: StageState, escape: string): readonly string[] {
  if (!value.includes("$")) return [];
  try {
    const { missing } = expand(value, environmentOf(before), isDocument === true ? { escape: "\\", ignoreQuotes: true } : { escape });
    return [...missing].filter((name) => !BUILDERS_OWN.has(name));
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
  return [
    ...words.filter(({ range }) => !markers.has(range.start.offset)),
    ...flags.flatMap(({ value }) => (value === undefined ? [] : [value])),
    ...documents,
  ];
}

/** The default of an ARG counts only when it is used, and the name is declared behind it. */
function pairTexts({ keyword, pairs }: KeyValueInstruction, { buildArgs }: LintFacts): readonly Text[] {
  return pairs.flatMap(({ key, value }): readonly Text[] => {
    if (keyword !== "ARG") return [key, ...(value === undefined ? [] : [value])];
    const isUsed = value !== undefined && !buildArgs.has(key.value);
    return [key, { value: isUsed ? value.value : "", declares: key.value }];
  });
}
