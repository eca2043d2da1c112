/** What a stage begins with. */
import type { Platform } from "../../base/platform.js";
import type { Word } from "../syntax/ast.js";
import { nearest } from "../syntax/suggest.js";
import { TsbuildError, withLocation } from "../../base/errors.js";
import type { BaseChoice } from "./base-choice.js";
import { locating } from "./dockerfile-error.js";
import { checkImageName } from "./image-name.js";
import { contextImage, contextTree, copiedTree, findNamedContext } from "./source-trees.js";
import type { StageCompilerOptions } from "./stage-options.js";
import { type Stage, stageBefore } from "./stage.js";
import { childState, scratchState, type StageState } from "./stage-state.js";
import type { NamedContext, ResolvedImage } from "./types.js";

export type Ground =
  | { readonly type: "state"; readonly state: StageState }
  /** Its vertex is made when the number of the stage's steps is known: the name shows it. */
  | { readonly type: "image"; readonly image: ResolvedImage; readonly platform: Platform };

/** Finds the ground of each stage of one compilation: a named context, an earlier stage, nothing, or an image. */
export class GroundFinder {
  readonly #options: StageCompilerOptions;
  readonly #compile: (stage: Stage) => Promise<StageState>;

  constructor(options: StageCompilerOptions, compile: (stage: Stage) => Promise<StageState>) {
    this.#options = options;
    this.#compile = compile;
  }

  /** A named context that stands for the whole stage. */
  async replacementOf({ from }: Stage): Promise<Ground | undefined> {
    const found = from.stageName === undefined ? undefined : findNamedContext(this.#options.request.buildContexts, from.stageName);
    return found === undefined ? undefined : await this.#contextGround(found, this.#options.target, from.base);
  }

  /** @throws {TsbuildError} IMAGE_NAME_INVALID, what resolving throws: with the place of the base's name */
  async groundOf(stage: Stage, { name, platform }: BaseChoice): Promise<Ground> {
    const { file, request, target } = this.#options;
    const earlier = stageBefore(file, name, stage.index);
    if (earlier !== undefined) return { type: "state", state: childState(await this.#compile(earlier)) };
    if (name === "scratch") return { type: "state", state: scratchState(target) };
    const found = findNamedContext(request.buildContexts, name);
    if (found !== undefined) return await this.#contextGround(found, platform ?? target, stage.from.base);
    locating(file.file, stage.from.base.range, () => checkImageName(name));
    return await this.#imageGround(name, platform ?? target, stage.from.base);
  }

  async #contextGround(
    { name, context }: { readonly name: string; readonly context: NamedContext },
    platform: Platform,
    base: Word,
  ): Promise<Ground> {
    const reference = contextImage(context);
    if (reference !== undefined) return await this.#imageGround(reference, platform, base);
    if (context.type === "image" || context.type === "oci-layout") throw new Error(`Internal error: the context ${name} has no reference`);
    const tree = await contextTree(name, context, this.#options);
    return { type: "state", state: { ...scratchState(platform), root: copiedTree(name, tree, this.#options.graph) } };
  }

  async #imageGround(reference: string, platform: Platform, { range }: Word): Promise<Ground> {
    const { file, images } = this.#options;
    try {
      return { type: "image", image: await images.resolve(reference, platform), platform };
    } catch (error) {
      throw withLocation(this.#withSuggestion(error, reference), { file: file.file, ranges: [range] });
    }
  }

  /** The name of an image nobody has may be a stage's name with a typo. */
  #withSuggestion(error: unknown, reference: string): unknown {
    if (!(error instanceof TsbuildError) || error.code !== "IMAGE_NOT_FOUND") return error;
    const names = this.#options.file.stages.flatMap(({ from }) => (from.stageName === undefined ? [] : [from.stageName]));
    const meant = nearest(reference, names);
    if (meant === undefined || meant === reference) return error;
    return new TsbuildError(error.code, `${error.message} (did you mean the stage ${meant}?)`, {
      hint: error.hint,
      location: error.location,
      cause: error.cause,
    });
  }
}
