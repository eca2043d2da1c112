/** Where Buildah is known to be another builder than BuildKit, whose rules are ours. */
import type { Outcome } from "./compare.js";

/** Places that a builder lays its own files over while RUN runs. */
const OVERLAID = ["etc/hosts", "etc/resolv.conf", "etc/hostname", "run", "proc", "sys", "dev"] as const;

interface Known {
  readonly rule: string;
  readonly proof: string;
  /** How both outcomes are changed before they are compared. Unset: the generator keeps away from it. */
  readonly normalise?: (outcome: Built) => Built;
}

type Built = Extract<Outcome, { kind: "built" }>;

/** Cases are those of the conformance suite, which were recorded from BuildKit. */
export const KNOWN: readonly Known[] = [
  {
    rule: "files that a builder lays over the image's own while RUN runs are not compared",
    proof: "case build/net/hosts-and-resolv-not-in-image",
    normalise: (built) => ({
      ...built,
      tree: new Map([...built.tree].filter(([path]) => !OVERLAID.some((place) => path === place || path.startsWith(`${place}/`)))),
    }),
  },
  {
    rule: "folders that COPY --chmod makes above a file have that mode; Buildah gives 0755",
    proof: "the suite's README: `--chmod=600` is also given to folders that COPY makes",
    normalise: (built) => ({ ...built, tree: new Map([...built.tree].map(([path, line]) => [path, withoutFolderMode(path, line)])) }),
  },
  {
    rule: "ENV of a name that is set keeps its place in Env; Buildah moves it to the end",
    proof: "case build/from/configured-override-parts",
    normalise: (built) => ({ ...built, config: { ...built.config, Env: sorted(built.config["Env"]) } }),
  },
  { rule: "files of the context keep their setuid and setgid bits; Buildah drops them", proof: "case build/copy/file-modes" },
  {
    rule: "a folder that is copied onto one does not change that one's mode and owner; Buildah's does",
    proof: "case build/copy/dir-over-existing",
  },
  { rule: "VOLUME makes no folder; Buildah's does, so `base` has them", proof: "case build/meta/volume-forms" },
  { rule: "EXPOSE of a range is a port for each of them; Buildah keeps the range", proof: "case build/meta/expose-forms" },
  {
    rule: "a name like x[1].txt that a wildcard has found is no wildcard itself; Buildah fails",
    proof: "case build/copy/unicode-and-odd-names",
  },
  {
    rule: "--from names a stage in whatever case; Buildah looks at it",
    proof: "HasStage in BuildKit's instructions/commands.go folds case",
  },
];

/** Both outcomes without what is known to differ. */
export function withoutKnown(...outcomes: readonly [Outcome, Outcome]): readonly [Outcome, Outcome] {
  const [ours, theirs] = outcomes;
  return [normalised(ours), normalised(theirs)];
}

function normalised(outcome: Outcome): Outcome {
  if (outcome.kind === "refused") return outcome;
  return KNOWN.reduce<Built>((built, { normalise }) => normalise?.(built) ?? built, outcome);
}

/** The generator names folders that --chmod makes so that they are known. */
function withoutFolderMode(path: string, line: string): string {
  return /^moded\d+$/.test(path) ? line.replace(/^directory \d+/, "directory") : line;
}

function sorted(env: unknown): unknown {
  return Array.isArray(env) ? env.map(String).toSorted() : env;
}
