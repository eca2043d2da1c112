/** Values of ARGs: from files, flags, the environment and Docker's configuration. */
import { fileLines } from "../values/file-lines.js";
import { keyValues } from "../values/key-value.js";
import type { BuildFlags } from "./flags.js";

interface Around {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Of the files first, then --build-arg; and SOURCE_DATE_EPOCH of the environment, which counts as one. */
export function buildArguments({ buildArg, buildArgFile }: BuildFlags, { cwd, env }: Around): ReadonlyMap<string, string> {
  const fromFiles = buildArgFile.flatMap((path) => fileLines("--build-arg-file", path, { cwd }));
  const values = keyValues("--build-arg", [...fromFiles, ...buildArg], (name) => env[name]);
  const epoch = env["SOURCE_DATE_EPOCH"];
  if (epoch !== undefined && epoch !== "" && !values.has("SOURCE_DATE_EPOCH")) values.set("SOURCE_DATE_EPOCH", epoch);
  return values;
}

/** What was given goes before what is configured, in either spelling. */
export function withProxies(buildArgs: ReadonlyMap<string, string>, configured: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  const added = [...configured].filter(([name]) => !buildArgs.has(name) && !buildArgs.has(name.toLowerCase()));
  return added.length === 0 ? buildArgs : new Map([...added.flatMap(([name, value]) => bothSpellings(name, value)), ...buildArgs]);
}

function bothSpellings(name: string, value: string): readonly (readonly [string, string])[] {
  return [
    [name, value],
    [name.toLowerCase(), value],
  ];
}
