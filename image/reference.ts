/**
 * Names of images, as Docker reads them: `alpine` is `docker.io/library/alpine`, `localhost:5000/app:v1` is on a registry of one's own.
 * Grammar: distribution-spec "Pulling manifests" and Docker's reference package.
 */
import { isDigest, type Digest } from "../base/digest.js";
import { TsbuildError } from "../base/errors.js";

export interface Reference {
  /** Host and perhaps port: `docker.io`, `localhost:5000`, `[::1]:5000`. */
  readonly registry: string;
  /** Path within the registry: `library/alpine`. */
  readonly repository: string;
  readonly tag?: string | undefined;
  readonly digest?: Digest | undefined;
}

const DEFAULT_REGISTRY = "docker.io";
const DEFAULT_NAMESPACE = "library/";
const MAX_NAME = 255;
const REGISTRY =
  /^(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*|\[[0-9a-fA-F:]{2,39}\])(?::\d{1,5})?$/;
const PATH_PART = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const TAG = /^\w[\w.-]{0,127}$/;

/**
 * Neither tag nor digest is made up: see `withDefaultTag`.
 * @throws {TsbuildError} REFERENCE_INVALID
 */
export function parseReference(text: string): Reference {
  const at = text.indexOf("@");
  const digest = at < 0 ? undefined : digestOf(text, text.slice(at + 1));
  const { registry, rest } = splitRegistry(at < 0 ? text : text.slice(0, at));
  const colon = rest.lastIndexOf(":");
  const tag = colon < 0 ? undefined : rest.slice(colon + 1);
  const path = colon < 0 ? rest : rest.slice(0, colon);
  checkRegistry(text, registry);
  checkPath(text, path);
  if (tag !== undefined && !TAG.test(tag)) {
    throw invalid(
      text,
      `the tag ${quote(tag)} is not valid`,
      "a tag has up to 128 letters, digits, underscores, dots and hyphens, and begins with none of the last two",
    );
  }
  const repository = registry === DEFAULT_REGISTRY && !path.includes("/") ? DEFAULT_NAMESPACE + path : path;
  if (registry.length + 1 + repository.length > MAX_NAME) throw invalid(text, `the name has more than ${MAX_NAME} characters`);
  return { registry, repository, ...(tag === undefined ? {} : { tag }), ...(digest === undefined ? {} : { digest }) };
}

/** The full name: `docker.io/library/alpine:3.20@sha256:…`. */
export function formatReference(reference: Reference): string {
  return `${reference.registry}/${reference.repository}${suffix(reference)}`;
}

/** The short name that people write: `alpine:3.20`. Reading it gives the same reference again. */
export function familiarName(reference: Reference): string {
  if (reference.registry !== DEFAULT_REGISTRY) return formatReference(reference);
  const short = reference.repository.startsWith(DEFAULT_NAMESPACE)
    ? reference.repository.slice(DEFAULT_NAMESPACE.length)
    : reference.repository;
  const path = short.includes("/") && short !== reference.repository ? reference.repository : short;
  const readsAlike = splitRegistry(path).registry === DEFAULT_REGISTRY;
  return readsAlike ? path + suffix(reference) : formatReference(reference);
}

/** The reference with `latest` when it has neither tag nor digest. */
export function withDefaultTag(reference: Reference): Reference {
  return reference.tag === undefined && reference.digest === undefined ? { ...reference, tag: "latest" } : reference;
}

function suffix({ tag, digest }: Reference): string {
  return (tag === undefined ? "" : `:${tag}`) + (digest === undefined ? "" : `@${digest}`);
}

/** The part before the first slash is a registry only when it could not be a user's name. */
function splitRegistry(name: string): { registry: string; rest: string } {
  const slash = name.indexOf("/");
  const first = slash < 0 ? "" : name.slice(0, slash);
  const isRegistry = slash >= 0 && (/[.:]/.test(first) || first === "localhost" || first !== first.toLowerCase());
  if (!isRegistry) return { registry: DEFAULT_REGISTRY, rest: name };
  return { registry: first === "index.docker.io" ? DEFAULT_REGISTRY : first, rest: name.slice(slash + 1) };
}

function digestOf(text: string, digest: string): Digest {
  if (isDigest(digest)) return digest;
  const algorithm = /^([a-z0-9+._-]+):/.exec(digest)?.[1];
  if (algorithm !== undefined && algorithm !== "sha256")
    throw invalid(text, `digests of the kind ${quote(algorithm)} are not supported`, "use a sha256 digest");
  throw invalid(text, `${quote(digest)} is not a digest`, 'a digest is "sha256:" and 64 lower-case hex digits');
}

function checkRegistry(text: string, registry: string): void {
  if (!REGISTRY.test(registry)) throw invalid(text, `${quote(registry)} is not a registry's host name`);
  const port = /:(\d+)$/.exec(registry)?.[1];
  if (port !== undefined && (Number(port) < 1 || Number(port) > 65_535)) throw invalid(text, `${port} is not a port`);
}

function checkPath(text: string, path: string): void {
  if (text === "") throw invalid(text, "it is empty");
  if (path === "") throw invalid(text, "the repository name is missing");
  if (path !== path.toLowerCase())
    throw invalid(text, `repository name ${quote(path)} must be lowercase`, `write ${quote(text.replace(path, path.toLowerCase()))}`);
  if (/^[0-9a-f]{64}$/.test(path)) throw invalid(text, "64 hex digits are an image ID, not a name");
  const wrong = path.split("/").find((part) => !PATH_PART.test(part));
  if (wrong !== undefined) {
    throw invalid(
      text,
      wrong === "" ? "it has an empty part between slashes" : `${quote(wrong)} can't be part of a repository name`,
      "parts have lower-case letters and digits, separated by a dot, one or two underscores, or hyphens",
    );
  }
}

function quote(text: string): string {
  return JSON.stringify(text.length > 300 ? `${text.slice(0, 300)}…` : text);
}

function invalid(text: string, problem: string, hint?: string): TsbuildError {
  return new TsbuildError("REFERENCE_INVALID", `invalid image reference ${quote(text)}: ${problem}`, { hint });
}
