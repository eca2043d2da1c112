import { isErrno, messageOf, TsbuildError } from "../../base/errors.js";
import { excerpt, placeName } from "../../base/source.js";
import { neutralize } from "./text.js";

/**
 * An error as text for a person: the message, the place in the Dockerfile with its lines, and what to do.
 * The stack is shown for internal errors only, and only when `isDebug`.
 */
export function renderError(error: unknown, { isDebug }: { readonly isDebug: boolean }): string {
  return error instanceof TsbuildError ? knownError(error, isDebug) : unexpectedError(error, isDebug);
}

function knownError(error: TsbuildError, isDebug: boolean): string {
  const lines = [`ERROR: ${neutralize(messageOf(error))}`];
  if (error.location !== undefined && error.location.ranges.length > 0) lines.push(placeName(error.location), excerpt(error.location));
  if (error.hint !== undefined) lines.push(`hint: ${neutralize(error.hint)}`);
  if (isDebug) lines.push(...stacks(error));
  return `${lines.join("\n")}\n`;
}

/** A full disk or a missing file that nobody foresaw is the machine's state; anything else is our mistake. */
function unexpectedError(error: unknown, isDebug: boolean): string {
  const message = neutralize(messageOf(error));
  const disk = isErrno(error, "ENOSPC", "EDQUOT") ? "hint: the disk is full; make room, or choose another folder with --root\n" : "";
  if (isErrno(error, "ENOSPC", "EDQUOT", "EROFS", "EIO", "ENOMEM", "EMFILE", "ENFILE") && !isDebug) return `ERROR: ${message}\n${disk}`;
  const known = message.startsWith("Internal error") ? message : `Internal error: ${message}`;
  const way = isDebug ? stacks(error) : ["hint: this is a mistake in tsbuild; --debug (or TSBUILD_DEBUG=1) shows where"];
  return `ERROR: ${known}\n${disk}${way.join("\n")}\n`;
}

function stacks(error: unknown): readonly string[] {
  const lines: string[] = [];
  for (let next = error; next instanceof Error && lines.length < 10; next = next.cause) lines.push(neutralize(next.stack ?? next.message));
  return lines;
}
