/** The checks of a Dockerfile: beside a build, or alone. */
import { TsbuildError } from "../../base/errors.js";
import type { BuildWarning } from "../../base/events.js";
import { readsContext } from "../lint/copy-ignored.js";
import { lint, lintFailure } from "../lint/lint.js";
import { lintOptions } from "../lint/options.js";
import type { StageTrace } from "../lint/types.js";
import type { DockerfileAst } from "../syntax/ast.js";
import { platformArgs, withGlobalArgs } from "./global-args.js";
import { findNamedContext, MAIN_CONTEXT } from "./source-trees.js";
import type { StagedFile } from "./stage.js";
import type { CompileRequest } from "./types.js";

export interface CheckParts {
  readonly request: CompileRequest;
  readonly ast: DockerfileAst;
  readonly file: StagedFile;
  readonly globalArgs: ReadonlyMap<string, string>;
  readonly traces: readonly StageTrace[];
}

export interface CheckOutcome {
  readonly warnings: readonly BuildWarning[];
  /** Set when there are warnings and the file or the caller calls them errors. */
  readonly refusal: TsbuildError | undefined;
}

/** @throws {TsbuildError} DOCKERFILE_CHECK for options nobody understands */
export async function runChecks({ request, ast, file, globalArgs, traces }: CheckParts): Promise<CheckOutcome> {
  const { buildArgs } = request;
  const options = lintOptions(ast, buildArgs);
  const ignorePatterns = await patternsFor(request, traces);
  const warnings = lint({ ast, file, globalArgs, defaultArgs: defaultArgs(request, file), buildArgs, traces, ignorePatterns }, options);
  return { warnings, refusal: options.isError ? lintFailure(warnings) : undefined };
}

function defaultArgs({ platforms, buildPlatform }: CompileRequest, file: StagedFile): ReadonlyMap<string, string> | undefined {
  const predefined = platformArgs({ target: platforms[0] ?? buildPlatform, build: buildPlatform, targetStage: "default" }, new Map());
  return unlessUnknown(() => withGlobalArgs(predefined, file.globalArgs, new Map(), file));
}

/** Asked for only where something is copied from the main context, and that is a folder. */
async function patternsFor(
  { buildContexts, ignorePatterns }: CompileRequest,
  traces: readonly StageTrace[],
): Promise<readonly string[] | undefined> {
  const context = findNamedContext(buildContexts, MAIN_CONTEXT)?.context;
  if (context !== undefined && context.type !== "local") return undefined;
  if (!traces.some(({ steps }) => steps.some(({ instruction }) => readsContext(instruction)))) return undefined;
  try {
    return await ignorePatterns(context?.name ?? MAIN_CONTEXT);
  } catch (error) {
    // That is an error of the build, and told there.
    if (error instanceof TsbuildError) return undefined;
    throw error;
  }
}

function unlessUnknown<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (error instanceof TsbuildError) return undefined;
    throw error;
  }
}
