/** Finds what `--from=` and `from=` name: a named context, an earlier stage by name or index, or an image. */
import { errorAt } from "./dockerfile-error.js";
import { findNamedContext } from "./source-trees.js";
import { type Stage, stageBefore, type StagedFile } from "./stage.js";
import type { NamedReference } from "./step.js";
import type { NamedContext } from "./types.js";

export type SourceChoice =
  | { readonly type: "context"; readonly name: string; readonly context: NamedContext }
  | { readonly type: "stage"; readonly stage: Stage }
  | { readonly type: "nothing" }
  | { readonly type: "image"; readonly name: string };

/**
 * A name that only a later stage has is a mistake, not an image: it would be built after it is needed.
 * @throws {TsbuildError} DOCKERFILE_STAGE_ORDER, DOCKERFILE_STAGE_CIRCLE, DOCKERFILE_STAGE_INDEX
 */
export function chooseSource(
  { name, range, verb }: NamedReference,
  user: Stage,
  staged: StagedFile,
  contexts: ReadonlyMap<string, NamedContext>,
): SourceChoice {
  const { file, stages } = staged;
  const named = findNamedContext(contexts, name);
  if (named !== undefined) return { type: "context", ...named };
  const earlier = stageBefore(staged, name, user.index) ?? stageBefore(staged, name, stages.length) ?? stageAt(name, stages);
  if (earlier === undefined) {
    if (/^\d+$/.test(name))
      throw errorAt(
        file,
        range,
        "DOCKERFILE_STAGE_INDEX",
        `invalid stage index ${name}`,
        `there are ${stages.length} stages, counted from 0`,
      );
    return name === "scratch" ? { type: "nothing" } : { type: "image", name };
  }
  if (earlier.index < user.index) return { type: "stage", stage: earlier };
  if (earlier.index === user.index) {
    throw errorAt(
      file,
      range,
      "DOCKERFILE_STAGE_CIRCLE",
      `circular dependency detected on stage: ${user.key}`,
      "a stage can't read from itself",
    );
  }
  throw errorAt(
    file,
    range,
    "DOCKERFILE_STAGE_ORDER",
    `cannot ${verb} from stage "${name}", it needs to be defined before current stage "${user.key}"`,
    `move stage "${name}" above it`,
  );
}

function stageAt(name: string, stages: readonly Stage[]): Stage | undefined {
  return /^\d+$/.test(name) ? stages[Number(name)] : undefined;
}
