import { TsbuildError } from "../../../base/errors.js";

const HIGHEST_MODE = 0o7777;
const CLAUSE = /^[ugoa]*(?:[-+=](?:[rwxXst]*|[ugo]))+$/;

/**
 * Checks a mode of --chmod: octal up to 07777, or symbolic as chmod(1) has it (`u=rwX,go=rX`).
 * @returns the mode as it goes into the op
 * @throws {TsbuildError} DOCKERFILE_CHMOD
 */
export function checkMode(text: string): string {
  if (/^[0-7]+$/.test(text)) {
    if (Number.parseInt(text, 8) <= HIGHEST_MODE) return text;
    throw invalid(text);
  }
  if (text.split(",").every((clause) => CLAUSE.test(clause))) return text;
  throw invalid(text);
}

function invalid(text: string): TsbuildError {
  return new TsbuildError("DOCKERFILE_CHMOD", `invalid --chmod "${text}"`, {
    hint: "write an octal number up to 07777, or symbols like u=rwX,go=rX",
  });
}
