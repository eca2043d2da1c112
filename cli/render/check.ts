/** What the checks of a Dockerfile found, for people and, in the form of BuildKit's lint results, for programs. */
import type { TsbuildError } from "../../base/errors.js";
import type { BuildWarning } from "../../base/events.js";
import { excerpt, placeName } from "../../base/source.js";
import { ruleDescription } from "../../frontend/lint/rules.js";
import type { DockerfileCheck } from "../../worker/check.js";
import { SourceList } from "./sources.js";
import { neutralize } from "./text.js";

/** The headline that scripts look for, then a block for each warning. The error that ended the check is left to whoever prints errors. */
export function checkText({ warnings, error }: DockerfileCheck): string {
  if (warnings.length === 0) return error === undefined ? "Check complete, no warnings found.\n" : "";
  const count = warnings.length === 1 ? "1 warning has" : `${warnings.length} warnings have`;
  return [`Check complete, ${count} been found!\n`, ...warnings.map(warningBlock)].join("\n");
}

function warningBlock({ code, message, url, location }: BuildWarning): string {
  const address = url === undefined ? "" : ` - ${url}`;
  const place = location === undefined ? "" : `${placeName(location)}\n${excerpt(location)}\n`;
  return `${neutralize(`WARNING: ${code}${address}`)}\n${neutralize(message)}\n${place}`;
}

/** One JSON object: `warnings`, `sources` that they point into, and `buildError` for a file that can't be built. */
export function checkJson({ warnings, error }: DockerfileCheck): string {
  const sources = new SourceList();
  const result = {
    warnings: warnings.map(({ code, message, url, location }) => ({
      ruleName: code,
      description: ruleDescription(code),
      url,
      detail: message,
      ...(location === undefined ? {} : { location: sources.location(location) }),
    })),
    ...(error === undefined ? {} : { buildError: errorJson(error, sources) }),
  };
  return `${JSON.stringify({ ...result, sources: sources.described() }, undefined, 2)}\n`;
}

function errorJson(error: TsbuildError, sources: SourceList): object {
  return { message: error.message, ...(error.location === undefined ? {} : { location: sources.location(error.location) }) };
}
