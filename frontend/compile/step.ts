/** An instruction that was read and checked, with its meaning as a function. One file per instruction makes them. */
import type { Platform } from "../../base/platform.js";
import type { SourceFile, SourceRange } from "../../base/source.js";
import type { Graph, Vertex } from "../../llb/graph.js";
import type { ExecLimits } from "../../llb/op.js";
import type { Instruction } from "../syntax/ast.js";
import type { StageState } from "./stage-state.js";

/** The text an instruction stands in. */
export interface Origin {
  readonly file: SourceFile;
  /** `\` or a backquote. */
  readonly escape: string;
}

export interface Step {
  readonly instruction: Instruction;
  /** Counted in `2/5`: RUN, COPY, ADD, WORKDIR. */
  readonly isCounted: boolean;
  /** Trees it reads; the compiler has them ready before `apply`. */
  readonly references: readonly Reference[];
  /**
   * The stage after this instruction. Pure but for the vertices it adds to `context.graph`.
   * @throws {TsbuildError} DOCKERFILE_…, ENTITLEMENT_MISSING
   */
  readonly apply: (state: StageState, context: StepContext) => StageState;
}

/** A tree that an instruction reads from: the build context, or what `--from=` names. */
export type Reference = { readonly type: "context" } | NamedReference;

export interface NamedReference {
  readonly type: "from";
  /** Stage name, stage index, named context or image. */
  readonly name: string;
  readonly range: SourceRange;
  /** For messages: `copy` or `mount`. */
  readonly verb: "copy" | "mount";
}

/** Everything an instruction may ask about but its stage's state. */
export interface StepContext extends Origin {
  readonly graph: Graph;
  /** Of the stage. */
  readonly platform: Platform;
  /** For names of steps: the target's, when several are built; otherwise unset. */
  readonly shownPlatform: string | undefined;
  readonly buildArgs: ReadonlyMap<string, string>;
  /** Predefined and global ARGs, with the values they have for this target. */
  readonly globalArgs: ReadonlyMap<string, string>;
  readonly run: RunDefaults;
  readonly place: StepPlace;
  /** The vertex of a reference of this step. */
  readonly source: (reference: Reference) => Vertex;
}

/** What the caller says for all RUN steps. */
export interface RunDefaults {
  readonly network: "default" | "none" | "host";
  readonly allow: ReadonlySet<string>;
  readonly extraHosts: readonly string[];
  readonly limits: ExecLimits;
  readonly hostname: string;
  /** Put before the ids of cache mounts; empty: nothing. */
  readonly cacheNamespace: string;
  /** `NAME=value` of the proxy variables that were given. */
  readonly proxyEnv: ReadonlyMap<string, string>;
}

/** Where a step stands, for its name and its records. */
export interface StepPlace {
  /** As shown: empty when the file has one stage only. */
  readonly shownStage: string;
  /** Name or index. */
  readonly stage: string;
  /** `build/3` */
  readonly key: string;
  readonly stepCount: number;
  readonly ignoreCache: boolean;
  /** The base asked for it. */
  readonly isTrigger: boolean;
  /** What errors and vertices point at. */
  readonly range: SourceRange;
}
