/** All rules. */
import { BIDIRECTIONAL } from "./bidirectional.js";
import { CASING } from "./casing.js";
import { COPY_IGNORED } from "./copy-ignored.js";
import { DESCRIPTIONS } from "./descriptions.js";
import { EMPTY_CONTINUATION } from "./empty-continuation.js";
import { EXPOSE } from "./expose.js";
import { FROM_ARGS } from "./from-args.js";
import { JSON_ARGS } from "./json-args.js";
import { LEGACY_KEY_VALUE } from "./legacy-key-value.js";
import { MAINTAINER } from "./maintainer.js";
import { PLATFORMS } from "./platforms.js";
import { REPEATED_INSTRUCTIONS } from "./repeated-instructions.js";
import { SECRETS } from "./secrets.js";
import { STAGE_NAMES } from "./stage-names.js";
import type { Rule, RuleFamily } from "./types.js";
import { UNDEFINED_VARIABLE } from "./undefined-variable.js";
import { WORKDIR } from "./workdir.js";

export const FAMILIES: readonly RuleFamily[] = [
  CASING,
  EMPTY_CONTINUATION,
  STAGE_NAMES,
  JSON_ARGS,
  MAINTAINER,
  FROM_ARGS,
  UNDEFINED_VARIABLE,
  WORKDIR,
  REPEATED_INSTRUCTIONS,
  LEGACY_KEY_VALUE,
  PLATFORMS,
  SECRETS,
  COPY_IGNORED,
  DESCRIPTIONS,
  EXPOSE,
  BIDIRECTIONAL,
];

export const RULES: ReadonlyMap<string, Rule> = new Map(FAMILIES.flatMap(({ rules }) => rules.map((rule) => [rule.name, rule])));

/** Where a rule is explained: Docker's documentation, since the rules are the same. Undefined for a rule of our own. */
export function ruleUrl(name: string): string | undefined {
  if (RULES.get(name)?.isOwn === true) return undefined;
  const kebab = name
    .replaceAll(/([a-z])([A-Z])/g, "$1-$2")
    .replaceAll(/([A-Z])([A-Z][a-z])/g, "$1-$2")
    .toLowerCase();
  return `https://docs.docker.com/go/dockerfile/rule/${kebab}/`;
}

/** The rule's meaning in a sentence; undefined for a warning that isn't a rule's. */
export function ruleDescription(name: string): string | undefined {
  return RULES.get(name)?.description;
}
