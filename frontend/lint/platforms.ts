/** Platforms of base images. */
import { formatPlatform, parsePlatform, type Platform } from "../../base/platform.js";
import { TsbuildError } from "../../base/errors.js";
import { environmentOfMap } from "../compile/global-args.js";
import type { FromCommand } from "../compile/instructions/from.js";
import { tryExpand } from "./stage-walk.js";
import type { Finding, LintFacts, RuleFamily } from "./types.js";

const BASE = { name: "InvalidBaseImagePlatform", description: "A base image should be for the platform that is built" };
const REDUNDANT = { name: "RedundantTargetPlatform", description: "FROM --platform=$TARGETPLATFORM says what holds anyway" };
const CONSTANT = {
  name: "FromPlatformFlagConstDisallowed",
  description: "FROM --platform should not be a constant: the stage could be built for nothing else",
};

export const PLATFORMS: RuleFamily = {
  rules: [BASE, REDUNDANT, CONSTANT],
  check: (facts) => [...wrongBases(facts), ...facts.file.stages.flatMap(({ from }) => flag(from, facts))],
};

function wrongBases({ traces }: LintFacts): Finding[] {
  return traces.flatMap(({ stage: { from }, base }) => {
    if (base === undefined || (base.config.os === base.platform.os && base.config.architecture === base.platform.architecture)) return [];
    const found = formatPlatform({ os: base.config.os, architecture: base.config.architecture, variant: base.config.variant });
    return [
      {
        rule: BASE.name,
        message: `Base image ${from.base.value} is for ${found}, but ${formatPlatform(base.platform)} is built`,
        range: from.instruction.range,
      },
    ];
  });
}

function flag({ platform, stageName, instruction }: FromCommand, { file, globalArgs }: LintFacts): Finding[] {
  if (platform === undefined) return [];
  const expansion = tryExpand(platform.value, environmentOfMap(globalArgs), file.escape);
  if (expansion === undefined || expansion.missing.size > 0) return [];
  const { used, value } = expansion;
  if (used.size === 1 && used.has("TARGETPLATFORM") && value === globalArgs.get("TARGETPLATFORM")) {
    return [
      { rule: REDUNDANT.name, message: `--platform=${platform.value} can be left away: that is the default`, range: instruction.range },
    ];
  }
  if (used.size > 0) return [];
  const constant = parsed(value);
  // A stage named after its platform is meant to be for that one.
  const isNamedAfter = constant !== undefined && [constant.os, constant.architecture].some((word) => stageName?.includes(word) === true);
  if (constant === undefined || isNamedAfter) return [];
  return [
    {
      rule: CONSTANT.name,
      message: `--platform=${value} is a constant; use $BUILDPLATFORM or an ARG, or leave it away`,
      range: instruction.range,
    },
  ];
}

function parsed(text: string): Platform | undefined {
  try {
    return parsePlatform(text);
  } catch (error) {
    if (error instanceof TsbuildError) return undefined;
    throw error;
  }
}
