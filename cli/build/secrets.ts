import { statSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { TsbuildError } from "../../base/errors.js";
import type { SecretSource } from "../../worker/types.js";
import { csvAttributes } from "../values/csv.js";

const KEYS: ReadonlySet<string> = new Set(["id", "src", "source", "env", "type"]);

export interface SecretSurroundings {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/**
 * Reads --secret flags: `id=x,src=FILE`, `id=x,env=NAME`, or `id=x` for the variable x, else the file x.
 * @throws {TsbuildError} USAGE; SECRET_MISSING when the file or variable isn't there
 */
export function parseSecrets(texts: readonly string[], around: SecretSurroundings): ReadonlyMap<string, SecretSource> {
  return new Map(texts.map((text) => parseSecret(text, around)));
}

function parseSecret(text: string, around: SecretSurroundings): readonly [id: string, source: SecretSource] {
  const attributes = csvAttributes("--secret", text);
  for (const key of attributes.keys()) {
    if (!KEYS.has(key)) throw usage(text, `has no key "${key}"`);
  }
  const path = attributes.get("src") ?? attributes.get("source");
  const name = attributes.get("env");
  const id = attributes.get("id");
  if (id === undefined || id === "") throw usage(text, "has no id");
  if (path !== undefined && name !== undefined) throw usage(text, "has both src and env");
  const type =
    attributes.get("type") ?? (path !== undefined ? "file" : name !== undefined || around.env[id] !== undefined ? "env" : "file");
  if (type === "env") return [id, variable(id, name ?? path ?? id, around.env)];
  if (type === "file" && name === undefined) return [id, file(id, path ?? id, around.cwd)];
  throw usage(text, `can't be of type "${type}"`);
}

function variable(id: string, name: string, env: SecretSurroundings["env"]): SecretSource {
  if (env[name] !== undefined) return { type: "env", name };
  throw new TsbuildError("SECRET_MISSING", `the variable ${name} of secret ${id} is not set`);
}

function file(id: string, path: string, cwd: string): SecretSource {
  const full = path.startsWith("~/") ? join(homedir(), path.slice(2)) : resolve(cwd, path);
  const stats = statSync(full, { throwIfNoEntry: false });
  if (stats === undefined) throw new TsbuildError("SECRET_MISSING", `the file ${path} of secret ${id} does not exist`);
  if (stats.isDirectory()) throw new TsbuildError("SECRET_MISSING", `${path} of secret ${id} is a folder, not a file`);
  return { type: "file", path: full };
}

function usage(text: string, problem: string): TsbuildError {
  return new TsbuildError("USAGE", `--secret "${text}" ${problem}`, { hint: "write id=NAME,src=FILE or id=NAME,env=VARIABLE" });
}
