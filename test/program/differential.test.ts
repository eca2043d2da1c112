/**
 * Random programs, built by tsbuild and by Buildah: both have to make the same files and the same config.
 *   TSBUILD_FUZZ_SEED    a number, or `new` for one that nobody has seen; default: the same for all
 *   TSBUILD_FUZZ_COUNT   programs to build; default 500
 *   TSBUILD_FUZZ_INDEX   only this program of the series
 * The rules by which Buildah is another builder than BuildKit are in test/fuzz/known.ts.
 */
import assert from "node:assert/strict";
import { availableParallelism } from "node:os";
import { Builders, makeFuzzBase, withoutBuildah } from "../fuzz/builders.js";
import { type Difference, compareOutcomes } from "../fuzz/compare.js";
import { generateProgram } from "../fuzz/generate.js";
import { withoutKnown } from "../fuzz/known.js";
import { type Program, describeProgram } from "../fuzz/program.js";
import { seedOf } from "../fuzz/random.js";
import { shrink } from "../fuzz/shrink.js";
import { type Rig, rigTest } from "../rig/rig.js";

const DEFAULT_SEED = 20_260_101;
/** Failing programs to shrink and print at most. */
const FAILURES = 3;
const SHRINK_TRIES = 100;

interface Tally {
  built: number;
  refused: number;
  readonly failures: string[];
}

function seriesSeed(): number {
  const given = process.env["TSBUILD_FUZZ_SEED"] ?? String(DEFAULT_SEED);
  return given === "new" ? Date.now() % 1_000_000_000 : Number(given);
}

function programIndices(): readonly number[] {
  const only = process.env["TSBUILD_FUZZ_INDEX"];
  if (only !== undefined) return [Number(only)];
  return [...Array(Number(process.env["TSBUILD_FUZZ_COUNT"] ?? 500)).keys()];
}

async function judge(
  builders: Builders,
  program: Program,
): Promise<{ readonly isBuilt: boolean; readonly differences: readonly Difference[] }> {
  const [ours, theirs] = withoutKnown(...(await builders.build(program)));
  return { isBuilt: ours.kind === "built", differences: compareOutcomes(ours, theirs) };
}

/** The program and its differences, made as small as can be. */
async function explain(builders: Builders, program: Program, kind: string): Promise<string> {
  const stillFails = async (candidate: Program): Promise<boolean> =>
    (await judge(builders, candidate)).differences.some((difference) => difference.kind === kind);
  const small = await shrink(program, { stillFails, tries: SHRINK_TRIES });
  const { differences } = await judge(builders, small);
  return `${describeProgram(small)}${differences.map(({ text }) => `differs: ${text}`).join("\n")}`;
}

/** Takes programs from the queue until it is empty, or enough have failed. */
async function work(builders: Builders, seed: number, queue: Iterator<number>, tally: Tally): Promise<void> {
  for (let next = queue.next(); next.done !== true && tally.failures.length < FAILURES; next = queue.next()) {
    const program = generateProgram(seedOf(seed, next.value));
    const { isBuilt, differences } = await judge(builders, program);
    if (isBuilt) tally.built++;
    else tally.refused++;
    const [first] = differences;
    if (first === undefined) continue;
    const title = `program ${next.value} of seed ${seed} (TSBUILD_FUZZ_SEED=${seed} TSBUILD_FUZZ_INDEX=${next.value})`;
    tally.failures.push(`${title}:\n${await explain(builders, program, first.kind)}`);
  }
}

async function compareSeries(rig: Rig, seed: number, indices: readonly number[]): Promise<Tally> {
  const base = await makeFuzzBase(rig);
  const tally: Tally = { built: 0, refused: 0, failures: [] };
  const queue = indices.values();
  // Buildah sleeps for most of each second that it takes.
  const count = Math.min(3 * availableParallelism(), 12, indices.length);
  const workers = await Promise.all(Array.from({ length: count }, (_, index) => Builders.open(rig, `worker-${index}`, base)));
  await Promise.all(workers.map((builders) => work(builders, seed, queue, tally)));
  return tally;
}

rigTest(
  "random Dockerfiles give the files and the config that Buildah makes of them",
  async (rig) => {
    const seed = seriesSeed();
    const indices = programIndices();
    process.stdout.write(`differential: ${indices.length} programs, seed ${seed}\n`);
    const { built, refused, failures } = await compareSeries(rig, seed, indices);
    process.stdout.write(`differential: ${built} built, ${refused} refused by both\n`);
    assert.equal(failures.length, 0, failures.join("\n\n"));
    // A series in which nothing is built would prove nothing.
    assert.ok(built >= refused * 9, `${refused} of ${built + refused} programs are not valid`);
  },
  { skip: withoutBuildah },
);
