import type { SourceRange } from "../../base/source.js";
import type { Vertex } from "../../llb/graph.js";
import { type BaseChoice, chooseBase } from "./base-choice.js";
import { locating } from "./dockerfile-error.js";
import { type Ground, GroundFinder } from "./ground.js";
import { GrowingList } from "./growing-list.js";
import { imageTree } from "./source-trees.js";
import type { Stage } from "./stage.js";
import type { StageCompilerOptions } from "./stage-options.js";
import { shownPlatform, stageKey } from "./stage-names.js";
import { platformOf, type StageState, stateOfImage } from "./stage-state.js";
import type { Step, StepContext } from "./step.js";
import { stepMeta } from "./step-meta.js";
import { TreeFinder, treeFor } from "./tree-finder.js";
import { readTriggers } from "./triggers.js";
import type { StageTrace, TracedStep } from "../lint/types.js";

/** Compiles the stages that are asked for, each once, for one target platform. */
export class StageCompiler {
  readonly #options: StageCompilerOptions;
  readonly #bases: readonly BaseChoice[];
  readonly #grounds: GroundFinder;
  readonly #trees: TreeFinder;
  readonly #compiled = new Map<Stage, Promise<StageState>>();
  readonly #traces: StageTrace[] = [];

  /** @throws {TsbuildError} for any FROM that makes no sense, also of stages that nobody needs */
  constructor(options: StageCompilerOptions) {
    this.#options = options;
    this.#bases = options.file.stages.map((stage) => chooseBase(stage, options.globalArgs, options.file));
    const compile = (stage: Stage): Promise<StageState> => this.compile(stage);
    this.#grounds = new GroundFinder(options, compile);
    this.#trees = new TreeFinder(options, compile);
  }

  /**
   * The stage after all its instructions.
   * @throws {TsbuildError} DOCKERFILE_…, or what resolving an image throws
   */
  compile(stage: Stage): Promise<StageState> {
    const known = this.#compiled.get(stage);
    if (known !== undefined) return known;
    const compiled = this.#compileStage(stage);
    this.#compiled.set(stage, compiled);
    return compiled;
  }

  /** The states of all stages that were needed. */
  async states(): Promise<StageState[]> {
    return await Promise.all(this.#compiled.values());
  }

  /** How the stages were compiled so far, for the checks. */
  get traces(): readonly StageTrace[] {
    return this.#traces;
  }

  /** Base and sources are found side by side; the triggers of the base are known only then. */
  async #compileStage(stage: Stage): Promise<StageState> {
    const replaced = await this.#grounds.replacementOf(stage);
    if (replaced !== undefined) return this.#begin(replaced, stage, 1);
    const [ground, ownTrees] = await Promise.all([
      this.#grounds.groundOf(stage, this.#baseOf(stage)),
      this.#trees.forSteps(stage.steps, stage),
    ]);
    const triggers = readTriggers(triggersOf(ground), stage, this.#options.file);
    const trees = new Map([...ownTrees, ...(await this.#trees.forSteps(triggers, stage))]);
    return this.#applySteps(ground, { stage, triggers, trees });
  }

  #applySteps(ground: Ground, { stage, triggers, trees }: StageParts): StageState {
    const counted = [...triggers, ...stage.steps].filter(({ isCounted }) => isCounted).length;
    const stepCount = counted + (ground.type === "image" ? 1 : 0);
    const begun = { ...this.#begin(ground, stage, stepCount), triggers: GrowingList.of<string>([]) };
    const traced: TracedStep[] = [];
    this.#traces.push({
      stage,
      base: ground.type === "image" ? { config: ground.image.config, platform: ground.platform } : undefined,
      steps: traced,
    });
    const apply = (steps: readonly Step[], prefix: string, before: StageState): StageState =>
      steps.reduce((state, step, index) => {
        if (prefix === "") traced.push({ instruction: step.instruction, before: state });
        const isTrigger = prefix !== "";
        const range = isTrigger ? stage.from.instruction.range : step.instruction.range;
        const context = this.#context({ stage, key: `${prefix}${index + 1}`, isTrigger, range, stepCount, trees }, begun);
        return locating(this.#options.file.file, range, () => step.apply(state, context));
      }, before);
    return apply(stage.steps, "", apply(triggers, "onbuild-", begun));
  }

  #begin(ground: Ground, stage: Stage, stepCount: number): StageState {
    if (ground.type === "state") return ground.state;
    const { image, platform } = ground;
    const state = stateOfImage(undefined, image.config);
    const { range } = stage.from.instruction;
    const context = this.#context({ stage, key: "0", isTrigger: false, range, stepCount, trees: new Map() }, state);
    const meta = { ...stepMeta(state, context, `FROM ${image.ref}`), ignoreCache: false };
    return { ...state, root: imageTree(image, platform, this.#options.graph, meta), stepsDone: 1 };
  }

  #context({ stage, key, isTrigger, range, stepCount, trees }: ContextParts, base: StageState): StepContext {
    const { file, graph, globalArgs, request, run, target, isOneOfSeveral } = this.#options;
    const platform = platformOf(base);
    return {
      file: file.file,
      escape: file.escape,
      graph,
      platform,
      shownPlatform: isOneOfSeveral ? shownPlatform(platform, target) : undefined,
      buildArgs: request.buildArgs,
      globalArgs,
      run,
      place: {
        shownStage: file.stages.length === 1 ? "" : (stage.from.stageName ?? `stage-${stage.index}`),
        stage: stage.key,
        key: `${stageKey(stage, isOneOfSeveral ? target : undefined)}/${key}`,
        stepCount,
        ignoreCache: request.noCache || request.noCacheStages.some((name) => name.toLowerCase() === stage.key),
        isTrigger,
        range,
      },
      source: (reference) => treeFor(reference, trees),
    };
  }

  #baseOf({ index }: Stage): BaseChoice {
    const base = this.#bases[index];
    if (base === undefined) throw new Error(`Internal error: there is no stage ${index}`);
    return base;
  }
}

interface StageParts {
  readonly stage: Stage;
  readonly triggers: readonly Step[];
  /** By name; the build context under the empty name. */
  readonly trees: ReadonlyMap<string, Vertex>;
}

interface ContextParts extends Pick<StageParts, "stage" | "trees"> {
  readonly key: string;
  readonly isTrigger: boolean;
  readonly range: SourceRange;
  readonly stepCount: number;
}

function triggersOf(ground: Ground): readonly string[] {
  return ground.type === "image" ? (ground.image.config.config.OnBuild ?? []) : ground.state.triggers.toArray();
}
