/** What a Dockerfile and the caller say about the checks: `skip=A,B;error=true;experimental=C`. */
import { TsbuildError } from "../../base/errors.js";
import type { SourceLocation } from "../../base/source.js";
import type { DockerfileAst } from "../syntax/ast.js";

export interface LintOptions {
  readonly skip: RuleSet;
  readonly experimental: RuleSet;
  /** A finding fails the build. */
  readonly isError: boolean;
}

export type RuleSet = "all" | ReadonlySet<string>;

const NONE: RuleSet = new Set();
const KEYS: readonly string[] = ["skip", "error", "experimental"];

/**
 * Of the build argument BUILDKIT_DOCKERFILE_CHECK, else of the `# check=` directive.
 * @throws {TsbuildError} DOCKERFILE_CHECK
 */
export function lintOptions(ast: DockerfileAst, buildArgs: ReadonlyMap<string, string>): LintOptions {
  const given = buildArgs.get("BUILDKIT_DOCKERFILE_CHECK");
  if (given !== undefined) return parseLintOptions(given);
  const directive = ast.directives.find(({ name }) => name === "check");
  if (directive === undefined) return parseLintOptions("");
  return parseLintOptions(directive.value, { file: ast.file, ranges: [directive.valueRange] });
}

/** @throws {TsbuildError} DOCKERFILE_CHECK */
export function parseLintOptions(text: string, location?: SourceLocation): LintOptions {
  const values = new Map<string, string>();
  for (const part of text.trim() === "" ? [] : text.split(";")) {
    const equals = part.indexOf("=");
    const key = part.slice(0, Math.max(equals, 0)).trim();
    if (!KEYS.includes(key)) throw invalid(`invalid check option "${part.trim()}"`, location);
    values.set(key, part.slice(equals + 1).trim());
  }
  return {
    skip: ruleSet(values.get("skip")),
    experimental: ruleSet(values.get("experimental")),
    isError: isOn(values.get("error"), location),
  };
}

export function includes(set: RuleSet, rule: string): boolean {
  return set === "all" || set.has(rule);
}

function ruleSet(text: string | undefined): RuleSet {
  if (text === undefined) return NONE;
  return text === "all" ? "all" : new Set(text.split(",").map((name) => name.trim()));
}

/** As Go reads booleans. */
function isOn(text: string | undefined, location: SourceLocation | undefined): boolean {
  if (text === undefined || /^(?:0|f|F|FALSE|false|False)$/.test(text)) return false;
  if (/^(?:1|t|T|TRUE|true|True)$/.test(text)) return true;
  throw invalid(`invalid check option "error=${text}"`, location);
}

function invalid(message: string, location: SourceLocation | undefined): TsbuildError {
  return new TsbuildError("DOCKERFILE_CHECK", message, {
    hint: "write skip=RULE,RULE;error=true;experimental=RULE, or all in a rule's place",
    location,
  });
}
