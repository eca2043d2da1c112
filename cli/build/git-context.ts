/** A build context that is a git repository, by its address. */
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { parseGitContext } from "../../frontend/compile/instructions/git-url.js";

/** A folder of that name goes before an address. @throws {TsbuildError} DOCKERFILE_GIT_URL */
export function isGitContext(text: string, cwd: string): boolean {
  return parseGitContext(text) !== undefined && !existsSync(resolve(cwd, text));
}

/** Reached by ssh: then the caller's agent is taken without --ssh. */
export function isSshContext(text: string, cwd: string): boolean {
  return !/^(?:https?|git|file):\/\/|^github\.com\//i.test(text) && isGitContext(text, cwd);
}
