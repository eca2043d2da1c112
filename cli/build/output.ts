import { isAbsolute, resolve } from "node:path";
import { TsbuildError } from "../../base/errors.js";
import type { Output } from "../../worker/types.js";
import { csvAttributes, csvFields } from "../values/csv.js";

const TYPES = "image, registry, oci, docker, local, tar and cacheonly";

/**
 * Reads one --output: `type=oci,dest=app.tar`, or short `FOLDER` (type=local) or `-` (type=tar to stdout).
 * Destinations are made absolute from `cwd`. `type=registry` is an image that is pushed. Undefined for `type=cacheonly`, which writes nothing.
 * @throws {TsbuildError} USAGE
 */
export function parseOutput(text: string, cwd: string): Output | undefined {
  if (text === "") throw usage("--output is empty", "write -o FOLDER or -o type=oci,dest=FILE");
  const fields = csvFields("--output", text);
  if (fields.length === 1 && !text.includes("=")) {
    return text === "-" ? { type: "tar", dest: "-", attributes: {} } : { type: "local", dest: resolve(cwd, text), attributes: {} };
  }
  const { type, dest, ...attributes } = Object.fromEntries(csvAttributes("--output", text));
  if (type === undefined) throw usage(`--output "${text}" has no type`, `types are ${TYPES}`);
  return outputOf(type, { dest: dest === undefined || dest === "" ? undefined : destination(dest, cwd), attributes, text });
}

interface Given {
  readonly dest: string | undefined;
  readonly attributes: Readonly<Record<string, string>>;
  readonly text: string;
}

function outputOf(type: string, { dest, attributes, text }: Given): Output | undefined {
  switch (type) {
    case "cacheonly":
      return undefined;
    case "image":
      return { type, attributes };
    case "registry":
      return { type: "image", attributes: { push: "true", ...attributes } };
    case "docker":
      return dest === undefined ? { type: "image", attributes } : { type, dest, attributes };
    case "oci":
    case "tar":
      return { type, dest: dest ?? "-", attributes };
    case "local":
      if (dest === undefined || dest === "-") throw usage(`--output "${text}" needs dest=FOLDER`);
      return { type, dest, attributes };
    default:
      throw usage(`--output has no type "${type}"`, `types are ${TYPES}`);
  }
}

function destination(dest: string, cwd: string): string {
  return dest === "-" || isAbsolute(dest) ? dest : resolve(cwd, dest);
}

/**
 * Only one output can have stdout, and none when it is a terminal.
 * @throws {TsbuildError} USAGE
 */
export function checkStdout(
  outputs: readonly Output[],
  { isTerminal, isQuiet }: { readonly isTerminal: boolean; readonly isQuiet: boolean },
): void {
  const users = outputs.filter((output) => output.type !== "image" && output.dest === "-");
  if (users.length === 0) return;
  if (users.length > 1) throw usage("only one output can go to stdout");
  if (isQuiet) throw usage("--quiet prints the image ID to stdout, where an output goes already", "give that output a file: dest=FILE");
  if (isTerminal) throw usage("the output would go to the terminal", "give it a file (dest=FILE), or send stdout into a file or pipe");
}

function usage(message: string, hint?: string): TsbuildError {
  return new TsbuildError("USAGE", message, { hint });
}
