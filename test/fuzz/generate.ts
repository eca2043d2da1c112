/** Random Dockerfiles that are valid: what an instruction names is there, what a command needs can be missing. */
import { type RandomContext, randomContext } from "./generate-context.js";
import { randomConfigStep } from "./generate-config.js";
import { randomAdd, randomCopy, randomRun, randomUser, randomWorkdir } from "./generate-files.js";
import type { Program } from "./program.js";
import { Random } from "./random.js";

/** What a stage has at some line, as far as later lines build on it. */
export interface Stage {
  readonly name: string;
  /** Absolute paths that are surely there. */
  readonly files: readonly string[];
  readonly folders: readonly string[];
  /** Names of variables that are set, by ENV or ARG. */
  readonly variables: readonly string[];
  readonly isRoot: boolean;
}

export interface Writer {
  readonly random: Random;
  readonly context: RandomContext;
  /** Stages before this one. */
  readonly earlier: readonly Stage[];
}

export interface Step {
  readonly line: string;
  readonly stage: Stage;
}

export type MakeStep = (writer: Writer, stage: Stage) => Step;

/** What `base` has, see the test's base image. */
const BASE_FILES = ["/etc/passwd", "/etc/group", "/data/file", "/data/mode"] as const;
const BASE_FOLDERS = ["/", "/tmp", "/opt", "/data", "/data/sticky", "/home/user", "/link"] as const;
const STEPS: readonly (readonly [weight: number, make: MakeStep])[] = [
  [30, randomCopy],
  [8, randomAdd],
  [22, randomRun],
  [10, randomWorkdir],
  [5, randomUser],
  [25, randomConfigStep],
];

/** The program of a seed; the same on every machine. */
export function generateProgram(seed: number): Program {
  const random = new Random(seed);
  const context = randomContext(random);
  const count = random.pick([1, 1, 1, 1, 2, 2, 3]);
  const lines: string[] = [];
  if (random.chance(0.2)) lines.push("ARG BASE=base");
  const from = lines.length > 0 ? "${BASE}" : "base";
  const stages: Stage[] = [];
  for (let index = 0; index < count; index++) {
    const parent = random.chance(0.25) ? stages.at(-1) : undefined;
    const name = `s${index}`;
    lines.push(`FROM ${parent?.name ?? from} AS ${name}`);
    let stage: Stage = parent === undefined ? startOf(name) : { ...parent, name };
    for (let left = random.between(1, count > 1 ? 3 : 5); left > 0; left--) {
      const step = pickStep(random)({ random, context, earlier: stages }, stage);
      lines.push(dressed(random, step.line));
      stage = step.stage;
    }
    stages.push(stage);
  }
  const buildArgs = random.chance(0.3) ? [`A${random.between(0, 2)}=given`] : [];
  return { entries: context.entries, ignore: context.ignore, buildArgs, lines };
}

/** The same instruction, written in one of the ways that the syntax allows. */
function dressed(random: Random, line: string): string {
  const [, word = "", rest = ""] = /^(\w+) (.*)$/s.exec(line) ?? [];
  switch (random.between(0, 11)) {
    case 0:
      return `${word.toLowerCase()} ${rest}`;
    case 1:
      return `${word} \\\n   ${rest}`;
    case 2:
      return `${word} \\\n# a comment between\n ${rest}`;
    case 3:
      return `  ${word}\t ${rest}  `;
    case 4:
      return `# a comment\n\n${line}`;
    default:
      return line;
  }
}

function startOf(name: string): Stage {
  return { name, files: BASE_FILES, folders: BASE_FOLDERS, variables: [], isRoot: true };
}

function pickStep(random: Random): MakeStep {
  let left = random.next() * STEPS.reduce((sum, [weight]) => sum + weight, 0);
  for (const [weight, make] of STEPS) {
    left -= weight;
    if (left < 0) return make;
  }
  return randomRun;
}
