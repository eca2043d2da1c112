import type { Platform } from "../../base/platform.js";
import { Graph, topological, type Vertex } from "../../llb/graph.js";
import { TsbuildError } from "../../base/errors.js";
import type { BuildWarning } from "../../base/events.js";
import type { StageTrace } from "../lint/types.js";
import type { DockerfileAst } from "../syntax/ast.js";
import { parseDockerfile } from "../syntax/parse.js";
import { runChecks } from "./check.js";
import { buildEpoch } from "./epoch.js";
import { platformArgs, withGlobalArgs } from "./global-args.js";
import { ImageLookup } from "./image-lookup.js";
import { runDefaults } from "./run-defaults.js";
import { StageCompiler } from "./stage-compiler.js";
import type { StageCompilerOptions } from "./stage-options.js";
import { findTarget, readStages, type Stage, type StagedFile } from "./stage.js";
import { finishedImage, platformOf, type StageState } from "./stage-state.js";
import { checkSyntax } from "./syntax-image.js";
import type { CompiledBuild, CompiledTarget, CompileRequest } from "./types.js";
import { unusedArgs } from "./unused-args.js";

/**
 * A Dockerfile as a graph of ops, with what is to become of it for each platform. Base images are resolved (side
 * by side, and only those that are needed), nothing is fetched.
 * @throws {TsbuildError} DOCKERFILE_…, EXPAND_…, TARGET_NOT_FOUND, ENTITLEMENT_MISSING, and what `request.images` throws
 */
export async function compile(request: CompileRequest, signal: AbortSignal): Promise<CompiledBuild> {
  signal.throwIfAborted();
  const ast = parseDockerfile(request.dockerfile, request.lineMemo);
  checkSyntax(ast, request.buildArgs);
  const file = readStages(ast);
  return withImages(request, signal, (images) =>
    compileTargets({ request: askingOnce(request), ast, file, target: findTarget(file, request.target), images, signal }),
  );
}

/** What is wrong with a Dockerfile, and what the checks say of it. */
export interface DockerfileCheck {
  readonly warnings: readonly BuildWarning[];
  /** Why it can't be built, or may not be because of the warnings. */
  readonly error?: TsbuildError | undefined;
}

/**
 * Checks every stage, also those that nobody needs, for the first platform. Base images are resolved; nothing is built.
 * A file that can't be built is no failure of this: the error is in the result, with what was found before it.
 * @throws {TsbuildError} only for what isn't the file's fault
 */
export async function checkDockerfile(request: CompileRequest, signal: AbortSignal): Promise<DockerfileCheck> {
  signal.throwIfAborted();
  try {
    const ast = parseDockerfile(request.dockerfile, request.lineMemo);
    checkSyntax(ast, request.buildArgs);
    const file = readStages(ast);
    const target = findTarget(file, request.target);
    return await withImages(request, signal, (images) => checkStages({ request: askingOnce(request), ast, file, target, images, signal }));
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof TsbuildError)) throw error;
    return { warnings: [], error };
  }
}

async function checkStages(parts: CompileParts): Promise<DockerfileCheck> {
  const { request, ast, file } = parts;
  const [platform = request.buildPlatform] = request.platforms;
  const options = optionsFor(platform, new Graph(), parts);
  const failures: unknown[] = [];
  const traces: StageTrace[] = [];
  try {
    const compiler = new StageCompiler(options);
    const ends = await Promise.allSettled(file.stages.map((stage) => compiler.compile(stage)));
    failures.push(...ends.flatMap((end): unknown[] => (end.status === "rejected" ? [end.reason] : [])));
    traces.push(...compiler.traces);
  } catch (error) {
    failures.push(error);
  }
  parts.signal.throwIfAborted();
  const [failure] = failures;
  if (failure !== undefined && !(failure instanceof TsbuildError)) throw failure;
  const { warnings, refusal } = await runChecks({ request, ast, file, globalArgs: options.globalArgs, traces });
  return { warnings, error: failure ?? refusal };
}

/** Ignore files are wanted by stages and by checks, and read once. */
export function askingOnce(request: CompileRequest): CompileRequest {
  const asked = new Map<string, Promise<readonly string[]>>();
  const ignorePatterns = (name: string): Promise<readonly string[]> => {
    const patterns = asked.get(name) ?? request.ignorePatterns(name);
    asked.set(name, patterns);
    return patterns;
  };
  return { ...request, ignorePatterns };
}

/** Questions for images that are still under way when something fails are given up. */
export async function withImages<T>(request: CompileRequest, signal: AbortSignal, work: (images: ImageLookup) => Promise<T>): Promise<T> {
  const failed = new AbortController();
  const images = new ImageLookup(request.images, AbortSignal.any([signal, failed.signal]));
  try {
    return await work(images);
  } catch (error) {
    failed.abort(error);
    await images.settled();
    throw error;
  }
}

export interface CompileParts {
  readonly request: CompileRequest;
  readonly ast: DockerfileAst;
  readonly file: StagedFile;
  readonly target: Stage;
  readonly images: ImageLookup;
  readonly signal: AbortSignal;
}

async function compileTargets(parts: CompileParts): Promise<CompiledBuild> {
  const { request, ast, file, target } = parts;
  const graph = new Graph();
  const options = platformsOf(request).map((platform) => optionsFor(platform, graph, parts));
  const compilers = options.map((each) => new StageCompiler(each));
  const states = await Promise.all(compilers.map((compiler) => compiler.compile(target)));
  parts.signal.throwIfAborted();
  const used = (await Promise.all(compilers.map((compiler) => compiler.states()))).flat();
  const globalArgs = options[0]?.globalArgs ?? new Map<string, string>();
  const epoch = buildEpoch(request, globalArgs);
  const checked = await runChecks({ request, ast, file, globalArgs, traces: compilers.flatMap(({ traces }) => traces) });
  return {
    graph,
    targets: states.map((state, index) => describeTarget(state, request.platforms[index], parts)),
    warnings: [...checked.warnings, ...unusedArgs(request.buildArgs, file, used)],
    ...(checked.refusal === undefined ? {} : { refusal: checked.refusal }),
    ...(epoch === undefined ? {} : { sourceDateEpoch: epoch }),
  };
}

function platformsOf({ platforms, buildPlatform }: CompileRequest): readonly Platform[] {
  return platforms.length === 0 ? [buildPlatform] : platforms;
}

export function optionsFor(
  platform: Platform,
  graph: Graph,
  { request, file, images, signal, target }: CompileParts,
): StageCompilerOptions {
  const targetStage = target.from.stageName ?? "default";
  const predefined = platformArgs({ target: platform, build: request.buildPlatform, targetStage }, request.buildArgs);
  return {
    graph,
    request,
    signal,
    file,
    target: platform,
    globalArgs: withGlobalArgs(predefined, file.globalArgs, request.buildArgs, file),
    images,
    run: runDefaults(request),
    isOneOfSeveral: request.platforms.length > 1,
  };
}

/** A platform that was asked for is the image's, whatever the base says; otherwise the base's is. */
function describeTarget(state: StageState, asked: Platform | undefined, { request, target }: CompileParts): CompiledTarget {
  const platform = asked ?? platformOf(state);
  const labelled = { ...state, labels: state.labels.with([...request.labels]) };
  const { variant: _variant, ...image } = finishedImage(labelled);
  return {
    platform,
    root: state.root,
    image: { ...image, ...platform },
    secretIds: state.root === undefined ? [] : secretIds(state.root),
    stageName: target.from.stageName,
  };
}

function secretIds(root: Vertex): string[] {
  const mounts = topological([root]).flatMap(({ op }) => (op.kind === "exec" ? op.mounts : []));
  return [...new Set(mounts.flatMap((mount) => (mount.type === "secret" ? [mount.id] : [])))].sort();
}
