import { TsbuildError, withLocation } from "../../base/errors.js";
import type { SourceFile, SourceRange } from "../../base/source.js";

/** An error about a span of a Dockerfile. `code` starts with `DOCKERFILE_` where the file itself is wrong. */
export function errorAt(file: SourceFile, range: SourceRange, code: string, message: string, hint?: string): TsbuildError {
  return new TsbuildError(code, message, { hint, location: { file, ranges: [range] } });
}

/** Runs `work`; an error of it that has no place gets this one. */
export function locating<T>(file: SourceFile, range: SourceRange, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw withLocation(error, { file, ranges: [range] });
  }
}
