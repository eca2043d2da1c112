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
    else throw errorAt(ast.file, instruction.range, "DOCKERFILE_NO_STAGE", `no build stage in current context: ${instruction.keyword} stands above the first FROM`, "begin with FROM; only ARG may stand above it");
  }
  if (stages.length === 0) throw new TsbuildError("DOCKERFILE_NO_STAGE", `${ast.file.name} contains no stages to build`, { hint: "it needs a FROM" });
  return { ...origin, globalArgs, stages };
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
export function findTarget({ stages }: StagedFile, target: string | undefined): Stage {
  const last = stages.at(-1);
  const found = target === undefined || target === "" ? last : (stageBefore(stages, target, stages.length) ?? (/^\d+$/.test(target) ? stages[Number(target)] : undefined));
  if (found !== undefined) return found;
  const names = stages.flatMap(({ from }) => (from.stageName === undefined ? [] : [from.stageName]));
  const meant = nearest(target ?? "", names);
  throw new TsbuildError("TARGET_NOT_FOUND", `target stage "${target ?? ""}" could not be found${meant === undefined ? "" : ` (did you mean ${meant}?)`}`, {
    hint: names.length === 0 ? `the file's ${stages.length} stages have no names; give an index from 0` : `the stages are ${names.join(", ")}`,
  });
}

/** The last stage of this name above the stage with the index. */
export function stageBefore(stages: readonly Stage[], name: string, index: number): Stage | undefined {
  const wanted = name.toLowerCase();
  return stages.slice(0, index).findLast(({ from }) => from.stageName === wanted);
}
