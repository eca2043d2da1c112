/** What can be said of a Dockerfile without a build: what the checks find, and what it offers. */
import { CleanupStack } from "../base/cleanup.js";
import type { Store } from "../cache/store.js";
import { checkDockerfile, type DockerfileCheck } from "../frontend/compile/compile.js";
import { describeOutline, describeTargets, type DescribedTarget, type Outline } from "../frontend/compile/describe.js";
import type { CompileRequest } from "../frontend/compile/types.js";
import { BuildContexts } from "./contexts.js";
import { Images } from "./images.js";
import { Pools } from "./pool.js";
import { LazyRegistry } from "./registry.js";
import type { BuildRequest } from "./types.js";

export type { DockerfileCheck } from "../frontend/compile/compile.js";
export type { DescribedTarget, Outline } from "../frontend/compile/describe.js";

/** Base images are resolved, since what they set decides what a Dockerfile may use. Nothing is fetched but their configs. */
export async function checkBuild(store: Store, request: BuildRequest, signal: AbortSignal): Promise<DockerfileCheck> {
  return await withCompileRequest(store, request, (complete) => checkDockerfile(complete, signal));
}

/** The stages that can be built. */
export async function listTargets(store: Store, request: BuildRequest, signal: AbortSignal): Promise<readonly DescribedTarget[]> {
  return await withCompileRequest(store, request, (complete) => describeTargets(complete, signal));
}

/** What a build of the request's stage can be given. */
export async function outlineBuild(store: Store, request: BuildRequest, signal: AbortSignal): Promise<Outline> {
  return await withCompileRequest(store, request, (complete) => describeOutline(complete, signal));
}

async function withCompileRequest<T>(store: Store, request: BuildRequest, work: (complete: CompileRequest) => Promise<T>): Promise<T> {
  await using stack = new CleanupStack();
  const pools = stack.use(new Pools(request.maxParallelism));
  const contexts = new BuildContexts({ store, ...request, contextDir: request.contextDir, ignoreFile: request.ignoreFile });
  const registry = stack.use(new LazyRegistry(request.insecureRegistries));
  const images = new Images({ store, pools, events: request.events, pull: request.pull, registry });
  return await work({ ...request, images, ignorePatterns: contexts.ignorePatterns });
}
