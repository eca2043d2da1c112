/** What the checks found as SARIF 2.1.0 (OASIS), which code hosts and editors show beside the lines. */
import type { SourceLocation } from "../../base/source.js";
import { ruleDescription } from "../../frontend/lint/rules.js";
import type { DockerfileCheck } from "../../worker/check.js";
import { VERSION } from "../version.js";

const SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json";

interface Shown {
  readonly rule: string;
  readonly level: "warning" | "error";
  readonly message: string;
  readonly url?: string | undefined;
  readonly location?: SourceLocation | undefined;
}

/** An error that ends the check is a result like the others, of level error. */
export function checkSarif({ warnings, error }: DockerfileCheck): string {
  const shown: readonly Shown[] = [
    ...warnings.map(({ code, message, url, location }) => ({ rule: code, level: "warning" as const, message, url, location })),
    ...(error === undefined ? [] : [{ rule: error.code, level: "error" as const, message: error.message, location: error.location }]),
  ];
  const rules = [...new Map(shown.map((each) => [each.rule, each])).values()];
  const run = {
    tool: { driver: { name: "tsbuild", version: VERSION, rules: rules.map(ruleOf) } },
    columnKind: "utf16CodeUnits",
    results: shown.map((each) =>
      resultOf(
        each,
        rules.findIndex(({ rule }) => rule === each.rule),
      ),
    ),
  };
  return `${JSON.stringify({ $schema: SCHEMA, version: "2.1.0", runs: [run] }, undefined, 2)}\n`;
}

function ruleOf({ rule, url }: Shown): object {
  const description = ruleDescription(rule);
  return {
    id: rule,
    ...(description === undefined ? {} : { shortDescription: { text: description } }),
    ...(url === undefined ? {} : { helpUri: url }),
  };
}

function resultOf({ rule, level, message, location }: Shown, ruleIndex: number): object {
  return { ruleId: rule, ruleIndex, level, message: { text: message }, locations: location === undefined ? [] : locationsOf(location) };
}

/** SARIF counts lines and columns from 1. */
function locationsOf({ file, ranges }: SourceLocation): readonly object[] {
  const artifactLocation = { uri: encodeURI(file.name) };
  return ranges.map(({ start, end }) => ({
    physicalLocation: {
      artifactLocation,
      region: { startLine: start.line, startColumn: start.column + 1, endLine: end.line, endColumn: end.column + 1 },
    },
  }));
}
