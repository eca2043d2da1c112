/** What the checks of a Dockerfile found, for people and, in the form of BuildKit's lint results, for programs. */
import type { TsbuildError } from "../../base/errors.js";
import type { BuildWarning } from "../../base/events.js";
import { excerpt, placeName, type SourceFile, type SourceLocation } from "../../base/source.js";
import { ruleDescription } from "../../frontend/lint/rules.js";
import type { DockerfileCheck } from "../../worker/check.js";
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
  const sources: SourceFile[] = [];
  const result = {
    warnings: warnings.map(({ code, message, url, location }) => ({
      ruleName: code,
      description: ruleDescription(code),
      url,
      detail: message,
      ...(location === undefined ? {} : { location: locationJson(location, sources) }),
    })),
    ...(error === undefined ? {} : { buildError: errorJson(error, sources) }),
  };
  const shown = sources.map(({ name, text }) => ({ fileName: name, language: "Dockerfile", data: Buffer.from(text).toString("base64") }));
  return `${JSON.stringify({ ...result, sources: shown }, undefined, 2)}\n`;
}

function errorJson(error: TsbuildError, sources: SourceFile[]): object {
  return { message: error.message, ...(error.location === undefined ? {} : { location: locationJson(error.location, sources) }) };
}

function locationJson({ file, ranges }: SourceLocation, sources: SourceFile[]): object {
  const known = sources.findIndex(({ name, text }) => name === file.name && text === file.text);
  const sourceIndex = known >= 0 ? known : sources.push(file) - 1;
  const position = ({ line, column }: { readonly line: number; readonly column: number }): object => ({ line, character: column });
  return { sourceIndex, ranges: ranges.map(({ start, end }) => ({ start: position(start), end: position(end) })) };
}
