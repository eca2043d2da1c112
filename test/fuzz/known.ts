/** Where Buildah is known to be another builder than BuildKit, whose rules are ours. */
import type { Outcome, Tree } from "./compare.js";
import type { Program } from "./program.js";

/** Places that a builder lays its own files over while RUN runs. */
const OVERLAID = ["etc/hosts", "etc/resolv.conf", "etc/hostname", "run", "proc", "sys", "dev"] as const;

/** Both outcomes without what is known to differ. */
export function withoutKnown(_program: Program, ours: Outcome, theirs: Outcome): readonly [Outcome, Outcome] {
  return [withoutOverlaid(ours), withoutOverlaid(theirs)];
}

function withoutOverlaid(outcome: Outcome): Outcome {
  if (outcome.kind === "refused") return outcome;
  const tree: Tree = new Map([...outcome.tree].filter(([path]) => !OVERLAID.some((place) => path === place || path.startsWith(`${place}/`))));
  return { ...outcome, tree };
}
