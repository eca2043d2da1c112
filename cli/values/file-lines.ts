import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { TsbuildError, isErrno } from "../../base/errors.js";

/** Lines of a file that `flag` names, relative to `cwd`: without blank ones, comments and blanks at the beginning. @throws {TsbuildError} USAGE */
export function fileLines(flag: string, path: string, { cwd }: { readonly cwd: string }): readonly string[] {
  const text = readText(flag, path, resolve(cwd, path)).replace(/^\uFEFF/, "");
  return text
    .split(/\r?\n/)
    .map((line) => line.trimStart())
    .filter((line) => line !== "" && !line.startsWith("#"));
}

function readText(flag: string, path: string, absolute: string): string {
  try {
    return readFileSync(absolute, "utf8");
  } catch (error) {
    if (!isErrno(error, "ENOENT", "ENOTDIR", "EISDIR", "EACCES")) throw error;
    throw new TsbuildError("USAGE", `${flag}: ${path} can't be read`, { cause: error });
  }
}
