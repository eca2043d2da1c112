/** -e, --env-file, --label and --label-file. */
import { TsbuildError } from "../../base/errors.js";
import { fileLines } from "../values/file-lines.js";

export interface Caller {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/**
 * Variables of the files first, then those of the flags. A name alone means the caller's variable; one that the caller
 * doesn't have takes the image's away.
 * @throws {TsbuildError} USAGE
 */
export function parseEnvironment(flags: readonly string[], files: readonly string[], caller: Caller): readonly string[] {
  const fromFiles = files.flatMap((path) => fileLines("--env-file", path, caller).flatMap((line) => fileVariable(line, path, caller)));
  return [...fromFiles, ...flags.map((text) => flagVariable(text, caller))];
}

function flagVariable(text: string, { env }: Caller): string {
  const name = text.split("=")[0] ?? "";
  if (name === "") throw new TsbuildError("USAGE", `invalid environment variable: ${text}`, { hint: "write -e NAME=value" });
  if (text.includes("=")) return text;
  const value = env[name];
  return value === undefined ? name : `${name}=${value}`;
}

/** A name that the caller doesn't have is left out. */
function fileVariable(line: string, path: string, { env }: Caller): readonly string[] {
  const name = line.split("=")[0] ?? "";
  if (name === "" || /\s/.test(name))
    throw new TsbuildError("USAGE", `--env-file ${path}: variable '${name}' contains whitespaces or is empty`);
  if (line.includes("=")) return [line];
  const value = env[name];
  return value === undefined ? [] : [`${name}=${value}`];
}

/** Labels of the files first. @throws {TsbuildError} USAGE */
export function parseLabels(flags: readonly string[], files: readonly string[], caller: Caller): ReadonlyMap<string, string> {
  const texts = [...files.flatMap((path) => fileLines("--label-file", path, caller)), ...flags];
  return new Map(
    texts.map((text) => {
      const equals = text.indexOf("=");
      const key = equals === -1 ? text : text.slice(0, equals);
      if (key === "") throw new TsbuildError("USAGE", `--label "${text}" has no name`, { hint: "write --label NAME=value" });
      return [key, equals === -1 ? "" : text.slice(equals + 1)];
    }),
  );
}
