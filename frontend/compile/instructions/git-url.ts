/** Git addresses as ADD and build contexts take them. */
import { TsbuildError } from "../../../base/errors.js";

export interface GitAddress {
  readonly remote: string;
  readonly ref: string | undefined;
  readonly subdir: string | undefined;
  readonly checksum: string | undefined;
  readonly keepGitDir: boolean | undefined;
}

const QUERY_KEYS = new Set(["ref", "tag", "branch", "commit", "checksum", "subdir", "keep-git-dir"]);

/**
 * Reads `https://host/repo.git#ref:subdir`, `git://…`, `ssh://…`, `git@host:path#…`, and the query form
 * `?ref=…&subdir=…` of the first three. Undefined: not a git address.
 * @throws {TsbuildError} DOCKERFILE_GIT_URL for one that says something unknown
 */
export function parseGitAddress(text: string): GitAddress | undefined {
  return isGitAddress(text) ? readAddress(text) : undefined;
}

function readAddress(text: string): GitAddress {
  const [address, fragment] = cut(text, "#");
  const [remote, query] = cut(address, "?");
  const [ref, subdir] = cut(fragment, ":");
  const fromFragment: GitAddress = { remote, ref: some(ref), subdir: some(subdir), checksum: undefined, keepGitDir: undefined };
  return query === "" ? fromFragment : withQuery(fromFragment, query, text);
}

/**
 * A build context, which the user names and not the Dockerfile: `file:///folder` too, and `github.com/…` without `https://`.
 * @throws {TsbuildError} DOCKERFILE_GIT_URL
 */
export function parseGitContext(text: string): GitAddress | undefined {
  if (/^github\.com\/[^/]+\/[^/]/i.test(text)) return readAddress(`https://${text}`);
  return text.startsWith("file:///") ? readAddress(text) : parseGitAddress(text);
}

function isGitAddress(text: string): boolean {
  if (/^(?:git|ssh):\/\/[^/]+\//.test(text) || /^[A-Za-z0-9_.-]+@[A-Za-z0-9_.-]+:[^:]/.test(text)) return true;
  return /^https?:\/\/[^?#]*\.git\/?(?:[?#].*)?$/.test(text);
}

function withQuery(address: GitAddress, query: string, text: string): GitAddress {
  const values = new URLSearchParams(query);
  for (const key of values.keys()) {
    if (!QUERY_KEYS.has(key))
      throw new TsbuildError("DOCKERFILE_GIT_URL", `unexpected query "${key}" in the git address ${text}`, {
        hint: `known are ${[...QUERY_KEYS].join(", ")}`,
      });
  }
  const tag = values.get("tag");
  const branch = values.get("branch");
  const ref =
    values.get("ref") ?? (tag === null ? undefined : `refs/tags/${tag}`) ?? (branch === null ? undefined : `refs/heads/${branch}`);
  const keep = values.get("keep-git-dir");
  return {
    remote: address.remote,
    ref: ref ?? address.ref,
    subdir: values.get("subdir") ?? address.subdir,
    checksum: values.get("commit") ?? values.get("checksum") ?? undefined,
    keepGitDir: keep === null ? undefined : keep !== "false" && keep !== "0",
  };
}

function some(text: string): string | undefined {
  return text === "" ? undefined : text;
}

function cut(text: string, separator: string): [before: string, after: string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}

/** An address as it may be shown: without user and password. */
export function withoutCredentials(address: string): string {
  return address.replace(/^(https?:\/\/)[^/@]*@/i, "$1");
}
