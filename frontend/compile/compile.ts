import type { Platform } from "../../base/platform.js";
import { Graph, topological, type Vertex } from "../../llb/graph.js";
import { parseDockerfile } from "../syntax/parse.js";
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
  const ast = parseDockerfile(request.dockerfile);
  checkSyntax(ast, request.buildArgs);
  const file = readStages(ast);
  const failed = new AbortController();
  const images = new ImageLookup(request.images, AbortSignal.any([signal, failed.signal]));
  try {
    return await compileTargets({ request, file, target: findTarget(file, request.target), images, signal });
  } catch (error) {
    failed.abort(error);
    await images.settled();
    throw error;
  }
}

interface CompileParts {
  readonly request: CompileRequest;
  readonly file: StagedFile;
  readonly target: Stage;
  readonly images: ImageLookup;
  readonly signal: AbortSignal;
}

async function compileTargets(parts: CompileParts): Promise<CompiledBuild> {
  const { request, file, target } = parts;
  const graph = new Graph();
  const options = platformsOf(request).map((platform) => optionsFor(platform, graph, parts));
  const compilers = options.map((each) => new StageCompiler(each));
  const states = await Promise.all(compilers.map((compiler) => compiler.compile(target)));
  parts.signal.throwIfAborted();
  const used = (await Promise.all(compilers.map((compiler) => compiler.states()))).flat();
  const epoch = buildEpoch(request, options[0]?.globalArgs ?? new Map());
  return {
    graph,
    targets: states.map((state, index) => describeTarget(state, request.platforms[index], parts)),
    warnings: unusedArgs(request.buildArgs, file, used),
    ...(epoch === undefined ? {} : { sourceDateEpoch: epoch }),
  };
}

function platformsOf({ platforms, buildPlatform }: CompileRequest): readonly Platform[] {
  return platforms.length === 0 ? [buildPlatform] : platforms;
}

function optionsFor(platform: Platform, graph: Graph, { request, file, images, signal, target }: CompileParts): StageCompilerOptions {
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
