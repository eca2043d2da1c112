/** What rules look at and what they find. */
import type { SourceRange } from "../../base/source.js";
import type { Platform } from "../../base/platform.js";
import type { ImageConfigFile } from "../../image/types.js";
import type { StagedFile, Stage } from "../compile/stage.js";
import type { StageState } from "../compile/stage-state.js";
import type { DockerfileAst, Instruction } from "../syntax/ast.js";

/** A stage as it was compiled: what each of its instructions found before it. Ends where compiling failed. */
export interface StageTrace {
  readonly stage: Stage;
  /** The image it begins with, and the platform it was wanted for. Unset: an earlier stage, or nothing. */
  readonly base?: { readonly config: ImageConfigFile; readonly platform: Platform } | undefined;
  readonly steps: readonly TracedStep[];
}

export interface TracedStep {
  readonly instruction: Instruction;
  readonly before: StageState;
}

export interface LintFacts {
  readonly ast: DockerfileAst;
  readonly file: StagedFile;
  /** Visible in FROM. */
  readonly globalArgs: ReadonlyMap<string, string>;
  /** The same if no --build-arg had been given; unset when a default can't be expanded. */
  readonly defaultArgs: ReadonlyMap<string, string> | undefined;
  readonly buildArgs: ReadonlyMap<string, string>;
  /** Of the stages that were compiled, for each platform. */
  readonly traces: readonly StageTrace[];
  /** Of the main context; unset when nothing is copied from it. */
  readonly ignorePatterns: readonly string[] | undefined;
}

/** With what many rules look up, made once for all of them. */
export interface IndexedFacts extends LintFacts {
  /** What each instruction of the compiled stages found before it. */
  readonly before: ReadonlyMap<Instruction, StageState>;
}

export interface Finding {
  readonly rule: string;
  /** One line, about this place. */
  readonly message: string;
  readonly range: SourceRange;
}

/** One rule, or several that look at the same thing: those that a finding may name. */
export interface RuleFamily {
  readonly rules: readonly Rule[];
  readonly check: (facts: IndexedFacts) => readonly Finding[];
}

/** Name and meaning are BuildKit's (frontend/dockerfile/linter), so that skip lists and documentation hold here too; but for our own. */
export interface Rule {
  readonly name: string;
  /** What the rule is about, in one sentence. */
  readonly description: string;
  /** Runs only where `experimental=` names it. */
  readonly isExperimental?: true;
  /** BuildKit has no such rule, and Docker's documentation no page about it. */
  readonly isOwn?: true;
}
