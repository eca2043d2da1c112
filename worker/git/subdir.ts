import { TsbuildError } from "../../base/errors.js";

/**
 * A folder in a repository, relative and without empty components; undefined: all of it.
 * @throws {TsbuildError} GIT_SUBDIR for one that leads out
 */
export function cleanSubdir(subdir: string | undefined): string | undefined {
  const parts = (subdir ?? "").split("/").filter((part) => part !== "" && part !== ".");
  if (parts.length === 0) return undefined;
  if (parts.some((part) => part === ".." || part.toLowerCase() === ".git" || part.includes("\0"))) {
    throw new TsbuildError("GIT_SUBDIR", `"${subdir}" can't be a folder of a git repository`, {
      hint: "write a folder below its top, without ..",
    });
  }
  return parts.join("/");
}
