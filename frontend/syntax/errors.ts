import { TsbuildError } from "../../base/errors.js";
import type { SourceFile, SourceRange } from "../../base/source.js";

/** What is wrong with a Dockerfile's text; becomes a TsbuildError where the file is known. */
export interface Complaint {
  /** Behind `DOCKERFILE_`. */
  readonly code: string;
  readonly message: string;
  readonly hint?: string | undefined;
  /** The guilty place first. */
  readonly ranges: readonly SourceRange[];
}

export function dockerfileError(file: SourceFile, complaint: Complaint): TsbuildError {
  const { code, message, hint, ranges } = complaint;
  return new TsbuildError(`DOCKERFILE_${code}`, message, { hint, location: { file, ranges } });
}
