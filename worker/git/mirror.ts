/**
 * What was fetched of a repository, kept in the store: a bare repository whose refs/tsbuild/OBJECT keep shallow commits alive. Whoever works with
 * it holds its lock. It is a cache: one that is torn or damaged is made anew.
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { TsbuildError } from "../../base/errors.js";
import type { Store } from "../../cache/store.js";
import { type GitAccess } from "./access.js";
import { type GitConfig, GitFailure, type GitRun, runGit } from "./command.js";
import { gitError } from "./failure.js";
import type { ResolvedRef } from "./refs.js";
import { type GitRemote, shownRemote } from "./remote.js";

export interface GitPlace {
  readonly store: Store;
  /** Git's home for this build. */
  readonly home: string;
  readonly config: GitConfig;
}

export interface Wanted {
  readonly remote: GitRemote;
  readonly access: GitAccess;
  readonly resolved: ResolvedRef;
}

/** A commit that is there, for as long as `use` runs. */
export interface Fetched {
  readonly gitDir: string;
  readonly commit: string;
  /** Runs git in it, without any way to the outside. */
  readonly git: (run: Pick<GitRun, "args" | "env" | "onOutput">, signal: AbortSignal) => Promise<string>;
}

/** Fetches the commit unless it is there. When the mirror turns out to be damaged, `use` is called once more with a new one. */
export async function withCommit<T>(
  place: GitPlace,
  wanted: Wanted,
  use: (fetched: Fetched) => Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  const { store } = place;
  const name = mirrorName(wanted);
  const gitDir = store.path("git", name);
  await using _lock = await store.locks.acquire(`git/${name}`, { signal });
  const isNew = !existsSync(join(gitDir, "HEAD"));
  try {
    return await fetchAndUse(place, wanted, gitDir, use, signal);
  } catch (error) {
    if (isNew || !(error instanceof GitFailure)) throw gitError(error, wanted.remote);
    rmSync(gitDir, { recursive: true, force: true });
  }
  try {
    return await fetchAndUse(place, wanted, gitDir, use, signal);
  } catch (error) {
    throw gitError(error, wanted.remote);
  }
}

/** One for each repository and object format; what credentials were used doesn't matter, since every commit was fetched by its hash. */
function mirrorName({ remote, resolved }: Wanted): string {
  return createHash("sha256").update(`${remote.url}\0${resolved.object.length}`).digest("hex").slice(0, 40);
}

async function fetchAndUse<T>(
  place: GitPlace,
  wanted: Wanted,
  gitDir: string,
  use: (fetched: Fetched) => Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  const { resolved } = wanted;
  const git: Fetched["git"] = (run, stop) => runGit({ ...run, home: place.home, gitDir }, stop);
  if (existsSync(join(gitDir, "HEAD"))) removeLocks(gitDir);
  else mkdirSync(gitDir, { recursive: true, mode: 0o700 });
  if (!existsSync(join(gitDir, "HEAD")))
    await git(
      { args: ["init", "--quiet", "--bare", "--template=", `--object-format=${resolved.object.length === 64 ? "sha256" : "sha1"}`] },
      signal,
    );
  const known = await peeled(git, resolved, signal);
  const commit = known ?? (await fetchCommit(place, wanted, gitDir, git, signal));
  return await use({ gitDir, commit, git });
}

/** The commit behind the object; undefined: it isn't there. */
async function peeled(git: Fetched["git"], { object }: ResolvedRef, signal: AbortSignal): Promise<string | undefined> {
  try {
    return (
      await git({ args: ["rev-parse", "--quiet", "--verify", "--end-of-options", `refs/tsbuild/${object}^{commit}`] }, signal)
    ).trim();
  } catch (error) {
    if (error instanceof GitFailure && error.exitCode === 1) return undefined;
    throw error;
  }
}

/** By its hash and alone; where a server gives only what its refs say, by the ref; where it can't do less, everything. */
async function fetchCommit(
  place: GitPlace,
  { remote, access, resolved }: Wanted,
  gitDir: string,
  git: Fetched["git"],
  signal: AbortSignal,
): Promise<string> {
  const { object, ref } = resolved;
  const base = [
    "fetch",
    "--quiet",
    "--force",
    "--no-tags",
    "--no-recurse-submodules",
    "--no-write-fetch-head",
    "--no-auto-gc",
    "--refmap=",
  ];
  const attempts: readonly (readonly string[])[] = [
    [...base, "--depth=1", "--", remote.url, `${object}:refs/tsbuild/${object}`],
    ...(ref === undefined ? [] : [[...base, "--depth=1", "--", remote.url, `${ref}:refs/tsbuild/${object}`]]),
    [...base, "--", remote.url, "+refs/heads/*:refs/all/heads/*", "+refs/tags/*:refs/all/tags/*"],
  ];
  for (const [index, args] of attempts.entries()) {
    const run = {
      args,
      home: place.home,
      gitDir,
      transport: remote.transport,
      config: [...place.config, ...access.config],
      env: access.env,
      secrets: access.secrets,
    };
    try {
      await runGit(run, signal);
    } catch (error) {
      if (!(error instanceof GitFailure) || !CANT_GIVE.test(error.text) || index === attempts.length - 1) throw gitError(error, remote);
      continue;
    }
    if (index > 0 && !(await pin(git, object, signal))) continue;
    const commit = await peeled(git, resolved, signal);
    if (commit !== undefined) return commit;
  }
  throw new TsbuildError("GIT_REF_MISSING", `the git repository ${shownRemote(remote.url)} does not give the commit ${object}`, {
    hint: "it may have been removed, or moved while it was fetched; build again, or name a branch or tag",
  });
}

/** What servers and git say of a commit that can't be had alone. */
const CANT_GIVE =
  /unadvertised object|not our ref|dumb http transport|does not support shallow|couldn't find remote ref|remote error: upload-pack/i;

/** Makes the ref say what its name says, whatever was fetched into it. */
async function pin(git: Fetched["git"], object: string, signal: AbortSignal): Promise<boolean> {
  try {
    await git({ args: ["update-ref", "--no-deref", `refs/tsbuild/${object}`, object] }, signal);
    return true;
  } catch (error) {
    if (!(error instanceof GitFailure)) throw error;
    await git({ args: ["update-ref", "--no-deref", "-d", `refs/tsbuild/${object}`] }, signal);
    return false;
  }
}

/** Nobody else works here: what is locked was locked by one who died. */
function removeLocks(gitDir: string): void {
  for (const folder of ["", "refs/tsbuild", "objects/pack"]) {
    const dir = join(gitDir, folder);
    if (!existsSync(dir)) continue;
    for (const name of readdirSync(dir)) {
      if (name.endsWith(".lock") || name.startsWith("tmp_")) rmSync(join(dir, name), { force: true });
    }
  }
}
