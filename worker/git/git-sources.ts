/** Git repositories as sources: who a commit's files are, which takes one question to a server, and they themselves as one snapshot. */
import { type Digest, digestHex, digestOf } from "../../base/digest.js";
import { TsbuildError } from "../../base/errors.js";
import type { EventSink } from "../../base/events.js";
import type { Store, TempDir } from "../../cache/store.js";
import type { SnapshotName } from "../../cache/types.js";
import type { GitSource } from "../../llb/op.js";
import type { Result, SourceFacts } from "../../solver/types.js";
import { activePaths, commitWritten } from "../active.js";
import type { Pools } from "../pool.js";
import { holdChain } from "../presence.js";
import type { SshAgents } from "../ssh/ssh-agents.js";
import type { SecretSource } from "../types.js";
import { type AccessOptions, accessTo } from "./access.js";
import { checkOut } from "./checkout.js";
import { runGit } from "./command.js";
import { gitError } from "./failure.js";
import { certificateConfig } from "./home.js";
import type { GitPlace } from "./mirror.js";
import { chooseRef, type GitRefs, isCommit, refPatterns, requireChecksum, requireRef, type ResolvedRef } from "./refs.js";
import { type GitRemote, parseRemote, shownRemote } from "./remote.js";
import { cleanSubdir } from "./subdir.js";

export interface GitSourcesOptions {
  readonly store: Store;
  readonly pools: Pools;
  readonly events: EventSink;
  readonly secrets: ReadonlyMap<string, SecretSource>;
  readonly agents: SshAgents;
  /** Found out for this build already: nobody is asked again. */
  readonly known?: GitRefs | undefined;
}

/** One build sees one commit for each ref, however often it is named. */
export class GitSources implements AsyncDisposable {
  readonly #options: GitSourcesOptions;
  readonly #asked = new Map<string, Promise<ResolvedRef>>();
  #home: Promise<TempDir> | undefined;

  constructor(options: GitSourcesOptions) {
    this.#options = options;
    for (const [name, resolved] of options.known ?? []) this.#asked.set(name, Promise.resolve(resolved));
  }

  /** Asks what the ref means, unless it is a whole commit. @throws {TsbuildError} GIT_… */
  async identify(op: GitSource, signal: AbortSignal): Promise<SourceFacts> {
    const identity = identityOf(op, await this.resolve(op, signal));
    const chain = [snapshotName(identity)];
    return { chain, identity, isPresent: await holdChain(this.#options.store, chain) };
  }

  /** @param vertex whose progress it is @throws {TsbuildError} GIT_… */
  async fetch(op: GitSource, vertex: Digest | undefined, signal: AbortSignal): Promise<Result> {
    const { store, events } = this.#options;
    const resolved = await this.resolve(op, signal);
    const identity = identityOf(op, resolved);
    const name = snapshotName(identity);
    if (await holdChain(store, [name])) return { chain: [name], identity };
    const id = `fetching ${shownRemote(op.remote)} at ${resolved.commit.slice(0, 12)}`;
    const say = (isDone: boolean): void => {
      if (vertex !== undefined) events({ type: "step-progress", vertex, id, current: 0, isDone, atMs: Date.now() });
    };
    say(false);
    await this.#write(op, resolved, name, signal);
    say(true);
    return { chain: [name], identity };
  }

  async resolve(op: GitSource, signal: AbortSignal): Promise<ResolvedRef> {
    // Before anybody is asked: what can't be is said at once.
    cleanSubdir(op.subdir);
    if (op.checksum !== undefined) requireChecksum(op.checksum);
    const key = refKey(op);
    const asked = this.#asked.get(key) ?? this.#ask(op, signal);
    asked.catch(() => undefined);
    this.#asked.set(key, asked);
    const resolved = await asked;
    requireMatch(op, resolved);
    return resolved;
  }

  /** What was found out, for the same build's other objects. */
  async known(): Promise<GitRefs> {
    return new Map(await Promise.all([...this.#asked].map(async ([key, resolved]) => [key, await resolved] as const)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await (await this.#home)?.[Symbol.asyncDispose]();
  }

  async #ask({ remote: address, ref }: GitSource, signal: AbortSignal): Promise<ResolvedRef> {
    const remote = parseRemote(address);
    if (ref !== undefined) requireRef(ref);
    if (ref !== undefined && isCommit(ref)) return { commit: ref, object: ref };
    const { home, config } = await this.#place();
    const access = await accessTo(remote, this.#access(remote));
    const args = ["ls-remote", "--quiet", "--symref", "--", remote.url, ...refPatterns(ref)];
    try {
      const run = {
        args,
        home,
        transport: remote.transport,
        config: [...config, ...access.config],
        env: access.env,
        secrets: access.secrets,
      };
      return chooseRef(await runGit(run, signal), ref, remote.url);
    } catch (error) {
      throw gitError(error, remote);
    }
  }

  async #write(op: GitSource, resolved: ResolvedRef, name: SnapshotName, signal: AbortSignal): Promise<void> {
    const { store, pools } = this.#options;
    const remote = parseRemote(op.remote);
    const place = await this.#place();
    await using scratch = await store.tempDir();
    await using active = await store.snapshots.prepare();
    const request = {
      remote,
      resolved,
      subdir: cleanSubdir(op.subdir),
      keepGitDir: keepsGitDir(op),
      access: this.#access(remote),
      target: active.fs,
      scratch: scratch.path,
    };
    const { timeSec } = await checkOut(place, request, signal);
    const facts = await pools.run({ type: "list-tree", active: activePaths(active), timeSec }, { signal });
    await commitWritten(active, facts, name);
  }

  #access({ host }: GitRemote): AccessOptions {
    const { secrets, agents } = this.#options;
    return { trustedHost: host, secrets, agent: () => agents.socket("default") };
  }

  async #place(): Promise<GitPlace> {
    const { store } = this.#options;
    this.#home ??= store.tempDir();
    const { path: home } = await this.#home;
    return { store, home, config: certificateConfig(home, process.env) };
  }
}

function refKey({ remote, ref }: GitSource): string {
  return `${remote}\0${ref ?? ""}`;
}

/** The beginning of the commit's, or of the annotated tag's, hash. */
function requireMatch({ remote, checksum }: GitSource, { commit, object }: ResolvedRef): void {
  if (checksum === undefined) return;
  const wanted = requireChecksum(checksum);
  if (commit.startsWith(wanted) || object.startsWith(wanted)) return;
  throw new TsbuildError("CHECKSUM_MISMATCH", `expected the commit of ${shownRemote(remote)} to be ${wanted}, but it is ${commit}`, {
    hint: "the branch or tag has moved or was tampered with; nothing of it was used",
  });
}

/** As in BuildKit, a folder of a repository has no `.git`. */
function keepsGitDir({ keepGitDir, subdir }: GitSource): boolean {
  return keepGitDir && cleanSubdir(subdir) === undefined;
}

/** What is in the snapshot: whoever gives the commit, its files are the same. A kept `.git` also says where it came from. */
function identityOf(op: GitSource, { commit, ref }: ResolvedRef): Digest {
  const kept = keepsGitDir(op) ? { remote: parseRemote(op.remote).url, ref: ref ?? "" } : null;
  return digestOf({ type: "git", commit, subdir: cleanSubdir(op.subdir) ?? "", kept });
}

/** Named by identity, so that builds share it. */
function snapshotName(identity: Digest): SnapshotName {
  return digestHex(identity) as SnapshotName;
}
