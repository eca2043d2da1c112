/** What --chmod says: an octal number, or chmod(1)'s symbolic form with u, g, o, a, and rwxXst or u, g, o to copy from. */
import { TsbuildError } from "../../base/errors.js";

const OCTAL = /^[0-7]{1,5}$/;
const CLAUSE = /^([ugoa]*)((?:[-+=](?:[ugo]|[rwxXst]*))+)$/;
const OPERATION = /([-+=])([ugo]|[rwxXst]*)/g;

const SHIFT = { u: 6, g: 3, o: 0 } as const;
type Who = keyof typeof SHIFT;
/** The set-id or sticky bit that belongs to each class. */
const SPECIAL: Readonly<Record<Who, { readonly letter: string; readonly bit: number }>> = {
  u: { letter: "s", bit: 0o4000 },
  g: { letter: "s", bit: 0o2000 },
  o: { letter: "t", bit: 0o1000 },
};

/**
 * The permission bits (0…07777) that `mode` makes of `current`. Clauses without u, g, o or a mean all three; the umask plays no part.
 * @throws {TsbuildError} INVALID_MODE
 */
export function applyMode(mode: string, current: number, isDirectory: boolean): number {
  if (OCTAL.test(mode)) return octal(mode);
  return mode.split(",").reduce((bits, clause) => applyClause({ mode, clause, isDirectory }, bits), current & 0o7777);
}

/** Whether the result of `applyMode` is the same for every file: true for octal modes. */
export function isAbsoluteMode(mode: string): boolean {
  return OCTAL.test(mode);
}

function octal(mode: string): number {
  const bits = Number.parseInt(mode, 8);
  if (bits > 0o7777) throw invalid(mode);
  return bits;
}

interface Clause {
  readonly mode: string;
  readonly clause: string;
  readonly isDirectory: boolean;
}

function applyClause({ mode, clause, isDirectory }: Clause, current: number): number {
  const parts = CLAUSE.exec(clause);
  if (parts === null) throw invalid(mode);
  const who = classesOf(parts[1] ?? "");
  let bits = current;
  for (const [, operator = "", permissions = ""] of (parts[2] ?? "").matchAll(OPERATION)) {
    for (const one of who)
      bits = change(bits, { operator, who: one, value: valueFor(one, permissions, { bits, isDirectory }), isDirectory });
  }
  return bits;
}

function classesOf(letters: string): readonly Who[] {
  const all: readonly Who[] = ["u", "g", "o"];
  return letters === "" || letters.includes("a") ? all : all.filter((who) => letters.includes(who));
}

function change(
  bits: number,
  { operator, who, value, isDirectory }: { operator: string; who: Who; value: number; isDirectory: boolean },
): number {
  if (operator === "+") return bits | value;
  if (operator === "-") return bits & ~value;
  // chmod(1): `=` keeps a folder's set-id bits unless they are named
  const kept = isDirectory && who !== "o" ? bits & SPECIAL[who].bit : 0;
  return (bits & ~((0o7 << SHIFT[who]) | SPECIAL[who].bit)) | kept | value;
}

function valueFor(who: Who, permissions: string, { bits, isDirectory }: { bits: number; isDirectory: boolean }): number {
  if (permissions === "u" || permissions === "g" || permissions === "o") return ((bits >> SHIFT[permissions]) & 0o7) << SHIFT[who];
  let value = 0;
  for (const letter of permissions) {
    if (letter === "r") value |= 0o4;
    if (letter === "w") value |= 0o2;
    if (letter === "x" || (letter === "X" && (isDirectory || (bits & 0o111) !== 0))) value |= 0o1;
  }
  return (value << SHIFT[who]) | (permissions.includes(SPECIAL[who].letter) ? SPECIAL[who].bit : 0);
}

function invalid(mode: string): TsbuildError {
  return new TsbuildError("INVALID_MODE", `invalid mode "${mode}"`, {
    hint: "write an octal number up to 7777, or a form like u=rwX,go=rX",
  });
}
