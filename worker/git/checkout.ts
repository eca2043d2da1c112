/** The files of a commit, submodules included, in a folder that was empty. */
import { closeSync, constants, mkdirSync, openSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { TsbuildError, isErrno } from "../../base/errors.js";
import type { Kernel } from "../../sys/types.js";
import { type AccessOptions, accessTo } from "./access.js";
import { keepRepository } from "./kept-repository.js";
import { type Fetched, type GitPlace, type Wanted, withCommit } from "./mirror.js";
import { isCommit, type ResolvedRef } from "./refs.js";
import { type GitRemote, shownRemote } from "./remote.js";
import { parseModules, submoduleRemote } from "./submodules.js";
import { type Gitlink, TreeListing } from "./tree-listing.js";

export interface CheckoutRequest {
  readonly remote: GitRemote;
  readonly resolved: ResolvedRef;
  /** Relative, cleaned; undefined: all of it. */
  readonly subdir: string | undefined;
  readonly keepGitDir: boolean;
  readonly access: AccessOptions;
  /** Empty, and on the same filesystem as the rest. */
  readonly target: string;
  /** Empty: for what is only needed on the way. */
  readonly scratch: string;
}

export interface CheckedOut {
  /** When the commit was made. */
  readonly timeSec: number;
}

const MAX_DEPTH = 10;
const MAX_SUBMODULES = 1000;

interface Work {
  readonly place: GitPlace;
  readonly access: AccessOptions;
  readonly scratch: string;
  readonly signal: AbortSignal;
  /** How many there were. */
  submodules: number;
  indexes: number;
}

/** @throws {TsbuildError} GIT_… */
export async function checkOut(place: GitPlace, request: CheckoutRequest, signal: AbortSignal): Promise<CheckedOut> {
  const { target, scratch, subdir } = request;
  const work: Work = { place, access: request.access, scratch, signal, submodules: 0, indexes: 0 };
  if (subdir === undefined) return await checkOutTree(work, request, { folder: target, depth: 0 });
  const folder = join(scratch, "tree");
  mkdirSync(folder, { mode: 0o755 });
  const done = await checkOutTree(work, request, { folder, depth: 0 });
  renameSync(requireFolder(place.store.kernel, folder, subdir, shownRemote(request.remote.url)), target);
  return done;
}

type Tree = Pick<CheckoutRequest, "remote" | "resolved" | "subdir" | "keepGitDir">;

async function checkOutTree(work: Work, tree: Tree, at: { readonly folder: string; readonly depth: number }): Promise<CheckedOut> {
  const { place, signal } = work;
  const shown = shownRemote(tree.remote.url);
  const wanted: Wanted = { remote: tree.remote, resolved: tree.resolved, access: await accessTo(tree.remote, work.access) };
  const found = await withCommit(
    place,
    wanted,
    async (fetched) => {
      // A second attempt must find the folder as empty as the first.
      for (const name of readdirSync(at.folder)) rmSync(join(at.folder, name), { recursive: true, force: true });
      const listing = await listTree(fetched, shown, signal);
      await writeFiles(work, fetched, at.folder);
      if (tree.keepGitDir) await keepRepository({ place, fetched, ...tree, folder: at.folder }, signal);
      const links = listing.gitlinks.filter(({ path }) => isNeeded(path, tree.subdir));
      return {
        links,
        modules: links.length > 0 && listing.hasModules ? await readModules(fetched, signal) : "",
        timeSec: await commitTime(fetched, signal),
      };
    },
    signal,
  );
  // Without the lock: two repositories may be each other's submodules.
  const modules = parseModules(found.modules);
  for (const link of found.links) await checkOutSubmodule(work, tree, { ...at, link, entry: modules.get(link.path) });
  return { timeSec: found.timeSec };
}

interface SubmodulePlace {
  readonly folder: string;
  readonly depth: number;
  readonly link: Gitlink;
  readonly entry: ReturnType<ReturnType<typeof parseModules>["get"]>;
}

async function checkOutSubmodule(work: Work, parent: Tree, { folder, depth, link, entry }: SubmodulePlace): Promise<void> {
  const shown = shownRemote(parent.remote.url);
  if (entry === undefined) {
    throw new TsbuildError(
      "GIT_SUBMODULE",
      `${shown} has a submodule at ${link.path}, but its .gitmodules doesn't say where that comes from`,
      { hint: "repair the repository: git rm --cached the path, or add it to .gitmodules" },
    );
  }
  if (entry.isLeftOut) return;
  if (depth >= MAX_DEPTH || ++work.submodules > MAX_SUBMODULES) {
    throw new TsbuildError(
      "GIT_LIMIT",
      `${shown} has more than ${MAX_SUBMODULES} submodules, or they are nested more than ${MAX_DEPTH} deep`,
    );
  }
  if (!isCommit(link.commit)) throw new TsbuildError("GIT_TREE", `${shown} has a submodule at ${link.path} without a commit`);
  const tree: Tree = {
    remote: submoduleRemote(entry.url, parent.remote, link.path),
    resolved: { commit: link.commit, object: link.commit },
    subdir: parent.subdir?.startsWith(`${link.path}/`) === true ? parent.subdir.slice(link.path.length + 1) : undefined,
    keepGitDir: false,
  };
  await checkOutTree(work, tree, { folder: requireFolder(work.place.store.kernel, folder, link.path, shown), depth: depth + 1 });
}

/** A submodule that lies in the folder that is wanted, or holds it. */
function isNeeded(path: string, subdir: string | undefined): boolean {
  return subdir === undefined || path === subdir || path.startsWith(`${subdir}/`) || subdir.startsWith(`${path}/`);
}

async function listTree({ git, commit }: Fetched, shown: string, signal: AbortSignal): Promise<TreeListing> {
  const listing = new TreeListing(shown);
  await git({ args: ["ls-tree", "-r", "-l", "-z", "--full-tree", commit], onOutput: (chunk) => listing.push(chunk) }, signal);
  return listing;
}

/** No hook runs, and a filter that attributes name is nobody's: git knows none. */
async function writeFiles(work: Work, { git, commit }: Fetched, folder: string): Promise<void> {
  const { scratch, signal } = work;
  const index = join(scratch, `index-${work.indexes++}`);
  await git(
    { args: ["-c", "core.bare=false", "read-tree", "--reset", "-u", commit], env: { GIT_WORK_TREE: folder, GIT_INDEX_FILE: index } },
    signal,
  );
}

function readModules({ git, commit }: Fetched, signal: AbortSignal): Promise<string> {
  return git({ args: ["config", "--no-includes", "-z", "--list", `--blob=${commit}:.gitmodules`] }, signal);
}

async function commitTime({ git, commit }: Fetched, signal: AbortSignal): Promise<number> {
  const text = (
    await git({ args: ["show", "-s", "--no-show-signature", "--no-notes", "--format=%ct", "--end-of-options", commit] }, signal)
  ).trim();
  return /^\d{1,10}$/.test(text) ? Number(text) : 0;
}

/**
 * The folder's path, each component proven a real folder beneath `root`: never through a link.
 * @throws {TsbuildError} GIT_SUBDIR
 */
export function requireFolder(kernel: Kernel, root: string, path: string, shown: string): string {
  const rootFd = openSync(root, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    closeSync(
      kernel.openAt(rootFd, path, { flags: constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW, resolve: "no-links" }),
    );
    return join(root, path);
  } catch (error) {
    if (!isErrno(error, "ENOENT", "ENOTDIR", "ELOOP", "EXDEV", "ENAMETOOLONG")) throw error;
    const problem = isErrno(error, "ENOENT") ? "is not there" : "is no folder, or a link leads to it";
    throw new TsbuildError("GIT_SUBDIR", `the folder ${path} of the git repository ${shown} ${problem}`, {
      hint: "it is what stands behind the colon in #ref:folder",
    });
  } finally {
    closeSync(rootFd);
  }
}
