/** A Dockerfile as stages: what stands above the first FROM, and what below each. */
import { errorAt } from "./dockerfile-error.js";
import type { DockerfileAst, KeyValueInstruction } from "../syntax/ast.js";
import { nearest } from "../syntax/suggest.js";
import { refuseFlags } from "./flags.js";
import { type FromCommand, readFrom } from "./instructions/from.js";
import { readStep } from "./read-step.js";
import type { Origin, Step } from "./step.js";
import { TsbuildError } from "../../base/errors.js";

export interface Stage {
  readonly index: number;
  readonly from: FromCommand;
  /** Name, or index as text: `place` of its steps begins with it. */
  readonly key: string;
  readonly steps: readonly Step[];
}

export interface StagedFile extends Origin {
  readonly globalArgs: readonly KeyValueInstruction[];
  /** At least one. */
  readonly stages: readonly Stage[];
  /** Those of each name, in order. */
  readonly stagesByName: ReadonlyMap<string, readonly Stage[]>;
}

/**
 * Reads every instruction, also of stages that nobody will need.
 * @throws {TsbuildError} DOCKERFILE_…
 */
export function readStages(ast: DockerfileAst): StagedFile {
  const origin: Origin = { file: ast.file, escape: ast.escape };
  const globalArgs: KeyValueInstruction[] = [];
  const stages: (Stage & { readonly steps: Step[] })[] = [];
  for (const instruction of ast.instructions) {
    const stage = stages.at(-1);
    if (instruction.keyword === "FROM") stages.push(startStage(readFrom(instruction, origin), stages.length));
    else if (stage !== undefined) stage.steps.push(readStep(instruction, origin));
    else if (instruction.keyword === "ARG") globalArgs.push(readGlobalArg(instruction, origin));
    else
      throw errorAt(
        ast.file,
        instruction.range,
        "DOCKERFILE_NO_STAGE",
        `no build stage in current context: ${instruction.keyword} stands above the first FROM`,
        "begin with FROM; only ARG may stand above it",
      );
  }
  if (stages.length === 0)
    throw new TsbuildError("DOCKERFILE_NO_STAGE", `${ast.file.name} contains no stages to build`, { hint: "it needs a FROM" });
  return { ...origin, globalArgs, stages, stagesByName: byName(stages) };
}

function byName(stages: readonly Stage[]): Map<string, Stage[]> {
  const found = new Map<string, Stage[]>();
  for (const stage of stages) {
    const { stageName } = stage.from;
    if (stageName === undefined) continue;
    const known = found.get(stageName);
    if (known === undefined) found.set(stageName, [stage]);
    else known.push(stage);
  }
  return found;
}

function startStage(from: FromCommand, index: number): Stage & { readonly steps: Step[] } {
  return { index, from, key: from.stageName ?? String(index), steps: [] };
}

function readGlobalArg(instruction: KeyValueInstruction, origin: Origin): KeyValueInstruction {
  refuseFlags(instruction, origin);
  return instruction;
}

/**
 * The stage to build: by name in any case, by index, or the last.
 * @throws {TsbuildError} TARGET_NOT_FOUND
 */
export function findTarget(file: StagedFile, target: string | undefined): Stage {
  const { stages } = file;
  const last = stages.at(-1);
  const found =
    target === undefined || target === ""
      ? last
      : (stageBefore(file, target, stages.length) ?? (/^\d+$/.test(target) ? stages[Number(target)] : undefined));
  if (found !== undefined) return found;
  const names = stages.flatMap(({ from }) => (from.stageName === undefined ? [] : [from.stageName]));
  const meant = nearest(target ?? "", names);
  throw new TsbuildError(
    "TARGET_NOT_FOUND",
    `target stage "${target ?? ""}" could not be found${meant === undefined ? "" : ` (did you mean ${meant}?)`}`,
    {
      hint:
        names.length === 0
          ? `the file's ${stages.length} stages have no names; give an index from 0`
          : `the stages are ${names.join(", ")}`,
    },
  );
}

/** The last stage of this name, in any case, above the stage with the index. */
export function stageBefore({ stagesByName }: StagedFile, name: string, index: number): Stage | undefined {
  const named = stagesByName.get(name.toLowerCase()) ?? [];
  let low = 0;
  for (let high = named.length; low < high;) {
    const middle = (low + high) >> 1;
    if ((named[middle]?.index ?? index) < index) low = middle + 1;
    else high = middle;
  }
  return named[low - 1];
}
