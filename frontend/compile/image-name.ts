/**
 * Image names as far as the compiler needs them: is this one at all, how is it shown, and are two the same.
 * Grammar: distribution/reference (domain, lower-case path, tag, digest). The resolver reads them for good.
 */
import { TsbuildError } from "../../base/errors.js";

const COMPONENT = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const DOMAIN = /^(?:\[[0-9a-fA-F:.]+\]|[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?)(?::[0-9]+)?$/;
const TAG = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;
const DIGEST = /^[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}$/;

interface ImageName {
  readonly domain: string;
  readonly path: string;
  readonly tag: string | undefined;
  readonly digest: string | undefined;
}

/**
 * Says why a text can't be the name of an image.
 * @throws {TsbuildError} IMAGE_NAME_INVALID
 */
export function checkImageName(text: string): void {
  splitImageName(text);
}

/** `docker.io/library/busybox:latest` for `busybox`. */
export function fullImageName(text: string): string {
  const { domain, path, tag, digest } = splitImageName(text);
  const shownTag = tag ?? (digest === undefined ? "latest" : undefined);
  return `${domain}/${path}${shownTag === undefined ? "" : `:${shownTag}`}${digest === undefined ? "" : `@${digest}`}`;
}

/** The short form that the names of named contexts are compared in; any other text is returned in lower case. */
export function comparableName(text: string): string {
  try {
    const full = fullImageName(text);
    return full
      .replace(/^docker\.io\//, "")
      .replace(/^library\//, "")
      .replace(/:latest$/, "");
  } catch (error) {
    if (error instanceof TsbuildError) return text.toLowerCase();
    throw error;
  }
}

function splitImageName(text: string): ImageName {
  const [named, digest] = cut(text, "@");
  const slash = named.indexOf("/");
  const first = slash < 0 ? "" : named.slice(0, slash);
  const hasDomain = first !== "" && (/[.:]/.test(first) || first === "localhost" || first !== first.toLowerCase());
  const rest = hasDomain ? named.slice(slash + 1) : named;
  const [path, tag] = cut(rest, ":");
  check(text, { hasDomain, first, path, tag, digest });
  const domain = hasDomain && first !== "index.docker.io" ? first : "docker.io";
  const isOfficial = domain === "docker.io" && !path.includes("/");
  return { domain, path: isOfficial ? `library/${path}` : path, tag, digest };
}

interface Pieces {
  readonly hasDomain: boolean;
  readonly first: string;
  readonly path: string;
  readonly tag: string | undefined;
  readonly digest: string | undefined;
}

function check(text: string, { hasDomain, first, path, tag, digest }: Pieces): void {
  if (path !== path.toLowerCase()) throw invalid(text, `repository name (${path}) must be lowercase`);
  if (hasDomain && !DOMAIN.test(first)) throw invalid(text, `"${first}" is not a registry's address`);
  if (!path.split("/").every((component) => COMPONENT.test(component))) throw invalid(text, `"${path}" is not a repository's name`);
  if (tag !== undefined && !TAG.test(tag)) throw invalid(text, `"${tag}" is not a tag`);
  if (digest !== undefined && !DIGEST.test(digest)) throw invalid(text, `"${digest}" is not a digest`);
}

function invalid(text: string, reason: string): TsbuildError {
  return new TsbuildError("IMAGE_NAME_INVALID", `invalid image name "${text}": ${reason}`, {
    hint: "write [registry/]name[:tag][@sha256:…] in lower case",
  });
}

function cut(text: string, separator: string): [before: string, after: string | undefined] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}
