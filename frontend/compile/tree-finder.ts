/** The trees that steps read from. */
import { withLocation } from "../../base/errors.js";
import type { Vertex } from "../../llb/graph.js";
import { locating } from "./dockerfile-error.js";
import { emptyTree } from "./empty-tree.js";
import { checkImageName } from "./image-name.js";
import { contextImage, contextTree, findNamedContext, imageTree, MAIN_CONTEXT, outsideMeta } from "./source-trees.js";
import type { StageCompilerOptions } from "./stage-options.js";
import { chooseSource, type SourceChoice } from "./stage-sources.js";
import type { Stage } from "./stage.js";
import type { StageState } from "./stage-state.js";
import type { NamedReference, Reference, Step } from "./step.js";
import type { NamedContext } from "./types.js";

/** Turns the references of steps into vertices of the graph; equal ones are one vertex there. */
export class TreeFinder {
  readonly #options: StageCompilerOptions;
  readonly #compile: (stage: Stage) => Promise<StageState>;

  constructor(options: StageCompilerOptions, compile: (stage: Stage) => Promise<StageState>) {
    this.#options = options;
    this.#compile = compile;
  }

  /**
   * By the reference's key, for `treeFor`.
   * @throws {TsbuildError} DOCKERFILE_STAGE_…, what resolving an image throws: with the place of the flag
   */
  async forSteps(steps: readonly Step[], user: Stage): Promise<Map<string, Vertex>> {
    const references = new Map(steps.flatMap((step) => step.references).map((reference) => [keyOf(reference), reference]));
    const found = [...references].map(async ([key, reference]): Promise<[string, Vertex]> => [key, await this.#find(reference, user)]);
    return new Map(await Promise.all(found));
  }

  async #find(reference: Reference, user: Stage): Promise<Vertex> {
    const { request, file } = this.#options;
    if (reference.type === "context") {
      const named = findNamedContext(request.buildContexts, MAIN_CONTEXT);
      return await this.#contextTree(MAIN_CONTEXT, named?.context ?? { type: "local", name: MAIN_CONTEXT });
    }
    return await this.#chosenTree(chooseSource(reference, user, file, request.buildContexts), reference);
  }

  async #chosenTree(choice: SourceChoice, reference: NamedReference): Promise<Vertex> {
    switch (choice.type) {
      case "nothing":
        return this.#empty();
      case "context":
        return await this.#contextTree(choice.name, choice.context, reference);
      case "stage":
        return await this.#stageTree(choice.stage, reference);
      case "image":
        locating(this.#options.file.file, reference.range, () => checkImageName(choice.name));
        return await this.#imageTree(choice.name, reference);
    }
  }

  /** A stage that a named context replaces is read where it lies, without a copy. */
  async #stageTree(stage: Stage, reference: NamedReference): Promise<Vertex> {
    const named =
      stage.from.stageName === undefined ? undefined : findNamedContext(this.#options.request.buildContexts, stage.from.stageName);
    if (named !== undefined) return await this.#contextTree(named.name, named.context, reference);
    return (await this.#compile(stage)).root ?? this.#empty();
  }

  async #contextTree(name: string, context: NamedContext, reference?: NamedReference): Promise<Vertex> {
    const image = contextImage(context);
    if (image !== undefined) return await this.#imageTree(image, reference);
    if (context.type === "image" || context.type === "oci-layout") throw new Error(`Internal error: the context ${name} has no reference`);
    return await contextTree(name, context, this.#options);
  }

  async #imageTree(name: string, reference: NamedReference | undefined): Promise<Vertex> {
    const { file, graph, images, target } = this.#options;
    const location = reference === undefined ? undefined : { file: file.file, ranges: [reference.range] };
    try {
      const image = await images.resolve(name, target);
      return imageTree(image, target, graph, outsideMeta(`image/${name}`, `FROM ${image.ref}`, location)) ?? this.#empty();
    } catch (error) {
      throw withLocation(error, location);
    }
  }

  #empty(): Vertex {
    return emptyTree(this.#options.graph, outsideMeta("empty", "[internal] empty root"));
  }
}

/** @throws {Error} when the step did not announce the reference */
export function treeFor(reference: Reference, trees: ReadonlyMap<string, Vertex>): Vertex {
  const tree = trees.get(keyOf(reference));
  if (tree === undefined) throw new Error(`Internal error: a step reads from ${keyOf(reference)} without having announced it`);
  return tree;
}

function keyOf(reference: Reference): string {
  return reference.type === "context" ? "" : reference.name;
}
