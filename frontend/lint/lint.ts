/** Runs the rules and says what they found, in the order of the file. */
import { TsbuildError } from "../../base/errors.js";
import type { BuildWarning } from "../../base/events.js";
import { includes, type LintOptions } from "./options.js";
import { FAMILIES, ruleUrl, RULES } from "./rules.js";
import { SkipComments } from "./skip-comments.js";
import { statesBefore } from "./stage-walk.js";
import type { Finding, LintFacts, Rule } from "./types.js";

/** Each finding once, also where several platforms have it. */
export function lint(facts: LintFacts, options: LintOptions): BuildWarning[] {
  const skipped = new SkipComments(facts.ast);
  const active = FAMILIES.filter(({ rules }) => rules.some((rule) => isActive(rule, options)));
  const indexed = { ...facts, before: statesBefore(facts) };
  const findings = active
    .flatMap(({ check }) => check(indexed))
    .filter((finding) => isWanted(finding, options) && !skipped.covers(finding));
  const unique = new Map(
    findings.map((finding) => [`${finding.rule} ${finding.range.start.offset} ${finding.range.start.line} ${finding.message}`, finding]),
  );
  return [...unique.values()].sort(inFileOrder).map(({ rule, message, range }) => ({
    type: "warning",
    code: rule,
    message,
    url: ruleUrl(rule),
    location: { file: facts.ast.file, ranges: [range] },
  }));
}

/** Why the build can't go on when findings count as errors; undefined when there are none. */
export function lintFailure(warnings: readonly BuildWarning[]): TsbuildError | undefined {
  const rules = [...new Set(warnings.map(({ code }) => code))].filter((code) => RULES.has(code)).sort();
  if (rules.length === 0) return undefined;
  return new TsbuildError("LINT_VIOLATION", `lint violation found for rules: ${rules.join(", ")}`, {
    hint: "the file or BUILDKIT_DOCKERFILE_CHECK says error=true; correct what the warnings name, or skip a rule",
  });
}

function isWanted({ rule }: Finding, options: LintOptions): boolean {
  const known = RULES.get(rule);
  if (known === undefined) throw new Error(`Internal error: the rule ${rule} is in no table`);
  return isActive(known, options);
}

function isActive({ name, isExperimental }: Rule, { skip, experimental }: LintOptions): boolean {
  return !includes(skip, name) && (isExperimental !== true || includes(experimental, name));
}

function inFileOrder(a: Finding, b: Finding): number {
  return a.range.start.line - b.range.start.line || (a.rule < b.rule ? -1 : a.rule > b.rule ? 1 : 0);
}
