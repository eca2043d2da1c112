/** One build: Dockerfile to graph, graph to results, results to what was asked for. */
import { basename } from "node:path";
import { CleanupStack } from "../base/cleanup.js";
import type { Store } from "../cache/store.js";
import { compile } from "../frontend/compile/compile.js";
import type { CompiledBuild } from "../frontend/compile/types.js";
import { solve } from "../solver/solve.js";
import type { Result } from "../solver/types.js";
import type { Vertex } from "../llb/graph.js";
import { BuildContexts } from "./contexts.js";
import type { BuildEnvironment } from "./environment.js";
import { exportBuild } from "./export/outputs.js";
import { GitSources } from "./git/git-sources.js";
import { explainFullDisk } from "./disk-full.js";
import { BuildHistory } from "./history.js";
import { httpAuthorization } from "./http-authorization.js";
import { HttpFiles } from "./http-files.js";
import { Images } from "./images.js";
import { openNetworks } from "./networks.js";
import { ParsedLines } from "./parsed-lines.js";
import { HeldChains } from "./presence.js";
import { Pools } from "./pool.js";
import { LazyRegistry } from "./registry.js";
import { SshAgents } from "./ssh/ssh-agents.js";
import { Runner } from "./runner.js";
import type { BuildRequest, BuildResult } from "./types.js";

/**
 * Builds, stores and exports. Rejects with the first failure, when everything that was running has ended and
 * been taken down; the steps that had finished stay in the store.
 */
export async function build(store: Store, request: BuildRequest, signal: AbortSignal): Promise<BuildResult> {
  await using stack = new CleanupStack();
  const pools = stack.use(new Pools(request.maxParallelism));
  const contexts = new BuildContexts({ store, ...request, contextDir: request.contextDir, ignoreFile: request.ignoreFile });
  const registry = stack.use(new LazyRegistry(request.insecureRegistries));
  const images = new Images({ store, pools, events: request.events, pull: request.pull, registry });
  const http = stack.use(
    new HttpFiles({ store, events: request.events, downloads: request.downloads, authorization: httpAuthorization(request.secrets) }),
  );
  const agents = stack.use(new SshAgents(store, request.ssh));
  const git = stack.use(new GitSources({ store, pools, events: request.events, secrets: request.secrets, agents, known: request.gitRefs }));
  const buildId = store.newBuildId();
  const history = new BuildHistory(store, buildId, request);
  stack.defer(() => contexts.save());
  try {
    const lines = ParsedLines.load(store, `${request.contextDir ?? ""}\0${request.dockerfile.name}`);
    const compiled = await compile({ ...request, images, ignorePatterns: contexts.ignorePatterns, lineMemo: lines }, signal);
    lines?.save();
    for (const warning of compiled.warnings) request.events(warning);
    if (compiled.refusal !== undefined) throw compiled.refusal;
    const env: BuildEnvironment = {
      store,
      pools,
      graph: compiled.graph,
      contexts,
      images,
      http,
      git,
      events: history.recording(request.events),
      secrets: request.secrets,
      agents,
      buildId,
      wantsDiffId: request.wantsImageId,
      dns: request.dns,
      networks: openNetworks(stack),
      timestampSec: undefined,
    };
    const results = await solveTargets(env, compiled, request, signal);
    const exported = await exportBuild({ env, request, registry, signal }, compiled, results);
    history.end("completed");
    return { ...exported, buildId };
  } catch (error) {
    history.end("failed", error);
    throw explainFullDisk(error, store.path());
  }
}

/** By names, not by whole paths: CI checks out the same project in another folder each time. */
function projectOf({ contextDir, dockerfile }: BuildRequest): string {
  return `${contextDir === undefined ? "" : basename(contextDir)}/${basename(dockerfile.name)}`;
}

/** The result of each target, in order; undefined for an image without files. */
async function solveTargets(
  env: BuildEnvironment,
  compiled: CompiledBuild,
  request: BuildRequest,
  signal: AbortSignal,
): Promise<readonly (Result | undefined)[]> {
  const held = new HeldChains(env.store);
  const roots = compiled.targets.flatMap(({ root }): Vertex[] => (root === undefined ? [] : [root]));
  const results = await solve({
    graph: compiled.graph,
    roots,
    runner: new Runner(env),
    steps: env.store.steps,
    hasAll: (chain) => held.hasAll(chain),
    locks: env.store.locks,
    events: env.events,
    maxParallelism: request.maxParallelism,
    project: projectOf(request),
    signal,
  });
  const byRoot = new Map(roots.map((root, index) => [root.digest, results[index]]));
  return compiled.targets.map(({ root }) => (root === undefined ? undefined : byRoot.get(root.digest)));
}
