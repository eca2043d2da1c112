/** The checks of a Dockerfile without a build. */
import { CleanupStack } from "../base/cleanup.js";
import type { Store } from "../cache/store.js";
import { checkDockerfile, type DockerfileCheck } from "../frontend/compile/compile.js";
import { BuildContexts } from "./contexts.js";
import { Images } from "./images.js";
import { Pools } from "./pool.js";
import { LazyRegistry } from "./registry.js";
import type { BuildRequest } from "./types.js";

export type { DockerfileCheck } from "../frontend/compile/compile.js";

/** Base images are resolved, since what they set decides what a Dockerfile may use. Nothing is fetched but their configs. */
export async function checkBuild(store: Store, request: BuildRequest, signal: AbortSignal): Promise<DockerfileCheck> {
  await using stack = new CleanupStack();
  const pools = stack.use(new Pools(request.maxParallelism));
  const contexts = new BuildContexts({ store, ...request, contextDir: request.contextDir, ignoreFile: request.ignoreFile });
  const registry = stack.use(new LazyRegistry(request.insecureRegistries));
  const images = new Images({ store, pools, events: request.events, pull: request.pull, registry });
  return await checkDockerfile({ ...request, images, ignorePatterns: contexts.ignorePatterns }, signal);
}
