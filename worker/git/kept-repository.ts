/** The `.git` folder that --keep-git-dir asks for: the one commit, the tag it was asked by, and where it came from. */
import { join } from "node:path";
import type { Fetched, GitPlace } from "./mirror.js";
import { runGit } from "./command.js";
import type { ResolvedRef } from "./refs.js";
import type { GitRemote } from "./remote.js";

export interface KeptRequest {
  readonly place: GitPlace;
  readonly fetched: Fetched;
  readonly remote: GitRemote;
  readonly resolved: ResolvedRef;
  /** The work tree. */
  readonly folder: string;
}

/** A repository of its own with a detached HEAD. The address is kept without credentials. */
export async function keepRepository({ place, fetched, remote, resolved, folder }: KeptRequest, signal: AbortSignal): Promise<void> {
  const gitDir = join(folder, ".git");
  const git = (...args: readonly string[]): Promise<string> =>
    runGit({ args, home: place.home, gitDir, cwd: folder, transport: "file" }, signal);
  const { commit, gitDir: mirror } = fetched;
  const { object, ref } = resolved;
  await git("init", "--quiet", "--template=", `--object-format=${commit.length === 64 ? "sha256" : "sha1"}`);
  const wanted = `refs/tsbuild/${object}`;
  await git(
    "fetch",
    "--quiet",
    "--no-tags",
    "--no-write-fetch-head",
    "--no-auto-gc",
    "--refmap=",
    "--depth=1",
    "--",
    `file://${mirror}`,
    `${wanted}:${wanted}`,
  );
  await git("update-ref", "--no-deref", "HEAD", commit);
  if (ref?.startsWith("refs/tags/") === true) await git("update-ref", "--no-deref", ref, object);
  await git("update-ref", "--no-deref", "-d", wanted);
  await git("config", "remote.origin.url", remote.url);
  await git("config", "remote.origin.fetch", "+refs/heads/*:refs/remotes/origin/*");
  await git("read-tree", commit);
}
