/** A git repository as the build context: its files are fetched before the build, since its Dockerfile is among them. */
import { closeSync, constants, fstatSync, openSync, readFileSync } from "node:fs";
import { TsbuildError, isErrno } from "../../base/errors.js";
import type { EventSink } from "../../base/events.js";
import type { SourceFile } from "../../base/source.js";
import type { Store } from "../../cache/store.js";
import type { NamedContext } from "../../frontend/compile/types.js";
import { gitContextSource } from "../../frontend/compile/source-trees.js";
import { Pools } from "../pool.js";
import { SshAgents } from "../ssh/ssh-agents.js";
import type { SecretSource, SshSource } from "../types.js";
import { GitSources } from "./git-sources.js";
import type { GitRefs } from "./refs.js";
import { shownRemote } from "./remote.js";

export interface GitContext {
  readonly dockerfile: SourceFile;
  readonly context: NamedContext;
  /** For `BuildRequest.gitRefs`: the build must see the commit whose Dockerfile was read. */
  readonly gitRefs: GitRefs;
}

export interface GitContextOptions {
  readonly store: Store;
  readonly events: EventSink;
  /** A path in the repository's folder, or a Dockerfile from elsewhere; unset: the default names. */
  readonly dockerfile?: string | SourceFile | undefined;
  readonly secrets: ReadonlyMap<string, SecretSource>;
  readonly ssh: ReadonlyMap<string, SshSource>;
  readonly buildArgs: ReadonlyMap<string, string>;
}

/** In this order. */
const DEFAULT_NAMES = ["Dockerfile", "dockerfile", "Containerfile"] as const;
const MAX_DOCKERFILE_BYTES = 16 * 2 ** 20;

/** @throws {TsbuildError} GIT_…, CONTEXT_INVALID, DOCKERFILE_MISSING, DOCKERFILE_UNREADABLE */
export async function loadGitContext(url: string, options: GitContextOptions, signal: AbortSignal): Promise<GitContext> {
  const { store, events, dockerfile, secrets, ssh } = options;
  const op = gitContextSource("context", url, options.buildArgs);
  const shown = shownRemote(op.remote);
  await using pools = new Pools(1);
  await using agents = new SshAgents(store, ssh);
  await using sources = new GitSources({ store, pools, events, secrets, agents });
  events({ type: "note", message: `fetching ${shown}` });
  const { chain } = await sources.fetch(op, undefined, signal);
  const gitRefs = await sources.known();
  const context: NamedContext = { type: "git", url };
  if (typeof dockerfile === "object") return { dockerfile, context, gitRefs };
  const [name] = chain;
  if (name === undefined) throw new Error("Internal error: a repository without a snapshot");
  return { dockerfile: readInside(store, store.snapshots.directory(name), dockerfile, shown), context, gitRefs };
}

/** Links are followed, but never out of the repository. */
function readInside(store: Store, root: string, given: string | undefined, shown: string): SourceFile {
  const rootFd = openSync(root, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    for (const name of given === undefined ? DEFAULT_NAMES : [given]) {
      const text = readFile(store, rootFd, name, shown);
      if (text !== undefined) return { name, text };
    }
  } finally {
    closeSync(rootFd);
  }
  throw new TsbuildError("DOCKERFILE_MISSING", `the build context ${shown} has no ${given ?? DEFAULT_NAMES[0]} in it`, {
    hint: "say with -f where in the repository it is",
  });
}

function readFile(store: Store, rootFd: number, name: string, shown: string): string | undefined {
  const fd = openInside(store, rootFd, name);
  if (fd === undefined) return undefined;
  try {
    const facts = fstatSync(fd);
    if (!facts.isFile()) throw new TsbuildError("DOCKERFILE_UNREADABLE", `${name} in ${shown} is not a file`);
    if (facts.size > MAX_DOCKERFILE_BYTES)
      throw new TsbuildError(
        "DOCKERFILE_UNREADABLE",
        `${name} in ${shown} has ${facts.size} bytes; a Dockerfile has at most ${MAX_DOCKERFILE_BYTES}`,
      );
    return readFileSync(fd, "utf8");
  } finally {
    closeSync(fd);
  }
}

function openInside(store: Store, rootFd: number, name: string): number | undefined {
  try {
    return store.kernel.openAt(rootFd, name, { flags: constants.O_RDONLY | constants.O_NONBLOCK, resolve: "in-root" });
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR", "ELOOP")) return undefined;
    throw error;
  }
}
