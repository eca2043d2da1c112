/** Makes a failing program smaller for as long as it fails in the same way. */
import type { ContextEntry, Program } from "./program.js";

export interface ShrinkOptions {
  /** True when the smaller program still shows what is looked for. */
  readonly stillFails: (program: Program) => Promise<boolean>;
  /** Programs to try at most. */
  readonly tries: number;
}

/** A program from which nothing can be left out, or what was reached when the tries were used up. */
export async function shrink(program: Program, { stillFails, tries }: ShrinkOptions): Promise<Program> {
  let best = program;
  let left = tries;
  for (let progress = true; progress;) {
    progress = false;
    for (const candidate of smallerPrograms(best)) {
      if (left-- <= 0) return best;
      if (!(await stillFails(candidate))) continue;
      best = candidate;
      progress = true;
      break;
    }
  }
  return best;
}

/** Programs with something left out, the boldest first. */
export function* smallerPrograms(program: Program): Generator<Program> {
  for (const lines of withoutParts(program.lines)) if (lines.length > 0) yield { ...program, lines };
  for (const entries of withoutParts(program.entries)) yield { ...program, entries };
  for (const ignore of withoutParts(program.ignore)) yield { ...program, ignore };
  for (const buildArgs of withoutParts(program.buildArgs)) yield { ...program, buildArgs };
  for (const [index, line] of program.lines.entries()) {
    for (const shorter of shorterLines(line)) yield { ...program, lines: program.lines.with(index, shorter) };
  }
  for (const [index, entry] of program.entries.entries()) {
    const plain = plainEntry(entry);
    if (plain !== undefined) yield { ...program, entries: program.entries.with(index, plain) };
  }
}

/** The list without each half, each quarter, … each item. */
function* withoutParts<T>(items: readonly T[]): Generator<readonly T[]> {
  for (let size = Math.ceil(items.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    // From the end: later lines need earlier ones.
    for (let end = items.length; end > 0; end -= size) yield items.toSpliced(Math.max(0, end - size), Math.min(size, end));
  }
}

/** Without each flag, each further word and each command of a RUN. */
function* shorterLines(line: string): Generator<string> {
  const run = /^RUN \{ (.*); \} 2>\/dev\/null \|\| true$/.exec(line)?.[1];
  if (run !== undefined) {
    const commands = run.split("; ");
    for (const fewer of withoutParts(commands)) if (fewer.length > 0) yield `RUN { ${fewer.join("; ")}; } 2>/dev/null || true`;
    return;
  }
  const words = line.split(" ");
  for (let index = 1; index < words.length && words.length > 2; index++) yield words.toSpliced(index, 1).join(" ");
}

function plainEntry(entry: ContextEntry): ContextEntry | undefined {
  switch (entry.kind) {
    case "file":
      return entry.mode === 0o644 ? undefined : { ...entry, mode: 0o644 };
    case "folder":
      return entry.mode === 0o755 ? undefined : { ...entry, mode: 0o755 };
    case "tar":
      return entry.members.length > 1 ? { ...entry, members: entry.members.slice(0, -1) } : undefined;
    case "link":
      return undefined;
    default:
      throw new Error(`Internal error: ${JSON.stringify(entry satisfies never)}`);
  }
}
