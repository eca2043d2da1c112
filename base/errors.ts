import type { SourceLocation } from "./source.js";

export interface ErrorDetails {
  /** What the user can do about it, as a sentence without a full stop. */
  readonly hint?: string | undefined;
  readonly location?: SourceLocation | undefined;
  readonly cause?: unknown;
}

/** An error that a user can meet. `code` is stable; the message names the offending thing. */
export class TsbuildError extends Error {
  readonly code: string;
  readonly hint: string | undefined;
  readonly location: SourceLocation | undefined;

  constructor(code: string, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? {} : { cause: details.cause });
    this.name = "TsbuildError";
    this.code = code;
    this.hint = details.hint;
    this.location = details.location;
  }
}

/** The same error with a place in a Dockerfile, unless it has one already. Anything else is passed through. */
export function withLocation(error: unknown, location: SourceLocation | undefined): unknown {
  if (!(error instanceof TsbuildError) || error.location !== undefined || location === undefined) return error;
  return new TsbuildError(error.code, error.message, { hint: error.hint, location, cause: error.cause });
}

/** True for a Node system error with one of these codes, for example `isErrno(e, "ENOENT", "ENOTDIR")`. */
export function isErrno(error: unknown, ...codes: readonly string[]): error is NodeJS.ErrnoException {
  return error instanceof Error && "code" in error && typeof error.code === "string" && codes.includes(error.code);
}

/** An error as data, for the way between threads: structured clone drops class, name and fields. */
export interface PlainError {
  readonly name: string;
  readonly message: string;
  readonly code?: string | undefined;
  readonly hint?: string | undefined;
  readonly location?: SourceLocation | undefined;
  readonly stack?: string | undefined;
  readonly isTsbuildError: boolean;
  readonly cause?: PlainError | undefined;
}

export function toPlain(error: unknown): PlainError {
  if (error instanceof TsbuildError) {
    const { code, hint, location } = error;
    return { name: error.name, message: error.message, code, hint, location, isTsbuildError: true, ...plainCause(error) };
  }
  if (error instanceof Error) {
    const code = "code" in error && typeof error.code === "string" ? error.code : undefined;
    return { name: error.name, message: error.message, code, stack: error.stack, isTsbuildError: false, ...plainCause(error) };
  }
  return { name: "Error", message: String(error), isTsbuildError: false };
}

function plainCause(error: Error): { cause?: PlainError } {
  return error.cause === undefined ? {} : { cause: toPlain(error.cause) };
}

export function fromPlain(plain: PlainError): Error {
  const cause = plain.cause === undefined ? undefined : fromPlain(plain.cause);
  if (plain.isTsbuildError) {
    return new TsbuildError(plain.code ?? "UNKNOWN", plain.message, { hint: plain.hint, location: plain.location, cause });
  }
  const error = new Error(plain.message, cause === undefined ? {} : { cause });
  error.name = plain.name;
  if (plain.stack !== undefined) error.stack = plain.stack;
  return plain.code === undefined ? error : Object.assign(error, { code: plain.code });
}

/** One line for a person: the message, and below it what it stems from where that says more. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error && !error.message.includes(error.cause.message) ? `: ${messageOf(error.cause)}` : "";
  return error.message + cause;
}
