/** Names of refs and commits. What a server says is checked like what a Dockerfile says. */
import { TsbuildError } from "../../base/errors.js";
import { shownRemote } from "./remote.js";

export interface ResolvedRef {
  /** 40 (sha1) or 64 (sha256) hex digits. */
  readonly commit: string;
  /** What is fetched: the commit, or the annotated tag that names it. */
  readonly object: string;
  /** In full, `refs/heads/main`; unset for a commit that was named itself. */
  readonly ref?: string | undefined;
}

/** What refs meant when they were asked for, by address and ref. */
export type GitRefs = ReadonlyMap<string, ResolvedRef>;

const COMMIT = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/;
const CHECKSUM = /^[0-9a-f]{7,64}$/;

/** In full: an abbreviation may be a branch's name as well. */
export function isCommit(text: string): boolean {
  return COMMIT.test(text);
}

/**
 * git-check-ref-format(1), and never an option. A space, a wildcard or a colon can't be in it.
 * @throws {TsbuildError} GIT_REF
 */
export function requireRef(ref: string): void {
  if (isRefName(ref)) return;
  throw new TsbuildError(
    "GIT_REF",
    `"${ref.replace(/[\u0000-\u001f\u007f-\u009f]/g, "?").slice(0, 100)}" can't be the name of a git branch, tag or commit`,
    {
      hint: "write it after #, as in https://host/repo.git#v1.2",
    },
  );
}

export function isRefName(ref: string): boolean {
  if (ref === "" || ref.length > 1024 || ref === "@" || ref.startsWith("-") || ref.endsWith(".")) return false;
  if (/[\u0000-\u0020\u007f-\u009f~^:?*[\\]|\.\.|@\{/.test(ref)) return false;
  return ref.split("/").every((part) => part !== "" && !part.startsWith(".") && !part.startsWith("-") && !part.endsWith(".lock"));
}

/** @throws {TsbuildError} GIT_CHECKSUM */
export function requireChecksum(checksum: string): string {
  const lower = checksum.toLowerCase();
  if (CHECKSUM.test(lower)) return lower;
  throw new TsbuildError("GIT_CHECKSUM", `"${checksum.slice(0, 100)}" is no checksum of a git commit`, {
    hint: "write the commit's hex digits, all of them or at least the first 7",
  });
}

/** What to ask `ls-remote` for. */
export function refPatterns(ref: string | undefined): readonly string[] {
  return ref === undefined ? ["HEAD"] : [ref, `${ref}^{}`];
}

/**
 * Chooses from the output of `ls-remote --symref`: a branch goes before a tag of the same name, as in a checkout. A tag stands for its commit.
 * @throws {TsbuildError} GIT_REF_MISSING; GIT_ANSWER for names or commits that can't be
 */
export function chooseRef(output: string, ref: string | undefined, remote: string): ResolvedRef {
  const { objects, head } = parseRefs(output, remote);
  const candidates =
    ref === undefined
      ? ["HEAD"]
      : [...new Set([...(ref.startsWith("refs/") ? [ref] : []), `refs/heads/${ref}`, `refs/tags/${ref}`, `refs/${ref}`])];
  for (const name of candidates) {
    const object = objects.get(name);
    if (object === undefined) continue;
    const commit = objects.get(`${name}^{}`) ?? object;
    return { commit, object, ...(name === "HEAD" ? (head === undefined ? {} : { ref: head }) : { ref: name }) };
  }
  const what = ref === undefined ? "no default branch" : `no branch or tag "${ref}"`;
  throw new TsbuildError("GIT_REF_MISSING", `the git repository ${shownRemote(remote)} has ${what}`, {
    hint: "name a branch, a tag or a whole commit after #",
  });
}

interface Refs {
  readonly objects: ReadonlyMap<string, string>;
  /** What HEAD is a name for. */
  readonly head: string | undefined;
}

function parseRefs(output: string, remote: string): Refs {
  const objects = new Map<string, string>();
  let head: string | undefined;
  for (const line of output.split("\n")) {
    if (line === "") continue;
    const [value = "", name = ""] = line.split("\t", 2);
    if (value.startsWith("ref: ")) {
      const target = value.slice("ref: ".length);
      if (!isRefName(target)) throw answer(remote);
      if (name === "HEAD") head = target;
      continue;
    }
    const plain = name.endsWith("^{}") ? name.slice(0, -3) : name;
    if (!isCommit(value) || !isRefName(plain)) throw answer(remote);
    objects.set(name, value);
  }
  return { objects, head };
}

function answer(remote: string): TsbuildError {
  return new TsbuildError("GIT_ANSWER", `the git server of ${shownRemote(remote)} names a branch or commit that can't be one`, {
    hint: "nothing was fetched from it",
  });
}
