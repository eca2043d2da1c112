import { constants } from "node:os";
import { getSystemErrorMap } from "node:util";

/** Numbers with two names: the one that Node's own errors carry wins. */
const PREFERRED = ["EAGAIN", "ENOTSUP"];

const NAMES: ReadonlyMap<number, string> = new Map(
  [...Object.entries(constants.errno), ...Object.entries(constants.errno).filter(([name]) => PREFERRED.includes(name))].map(
    ([name, number]) => [number, name],
  ),
);

/** `ENOENT` for 2; `E9999` for a number that has no name. */
export function errnoName(errno: number): string {
  return NAMES.get(errno) ?? `E${errno}`;
}

export interface SyscallFacts {
  /** The call as a person knows it: `openat2`, `mount`. */
  readonly syscall: string;
  readonly errno: number;
  /** What it was about: paths, or a path and an attribute's name. */
  readonly subjects: readonly (string | Buffer)[];
  /** What the kernel said beyond the number. */
  readonly reason?: string | undefined;
}

/** A kernel call failed. `code` is the errno's name, so that `isErrno(error, "ENOENT")` works. */
export class SyscallError extends Error {
  readonly code: string;
  /** Positive, as in errno.h. */
  readonly errno: number;
  readonly syscall: string;
  /** The first thing the call was about. */
  readonly path: string | undefined;

  constructor(facts: SyscallFacts) {
    super(describe(facts));
    this.name = "SyscallError";
    this.code = errnoName(facts.errno);
    this.errno = facts.errno;
    this.syscall = facts.syscall;
    this.path = facts.subjects[0]?.toString();
  }
}

/** `mount /a -> /b: EBUSY: resource busy or locked (overlay: upperdir is in use)` */
function describe(facts: SyscallFacts): string {
  const text = getSystemErrorMap().get(-facts.errno)?.[1];
  const where = facts.subjects.map((subject) => subject.toString()).join(" -> ");
  const reason = facts.reason === undefined ? "" : ` (${facts.reason})`;
  return `${facts.syscall}${where === "" ? "" : ` ${where}`}: ${errnoName(facts.errno)}${text === undefined ? "" : `: ${text}`}${reason}`;
}
