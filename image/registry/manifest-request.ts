/** How a manifest is asked for, and what its answer has to be. */
import { isDigest, sha256Digest, type Digest } from "../../base/digest.js";
import { TsbuildError } from "../../base/errors.js";
import { MAX_MANIFEST_BYTES, parseManifestOrIndex } from "../parse.js";
import { familiarName, type Reference } from "../reference.js";
import { MEDIA, type Descriptor } from "../types.js";
import { readBody } from "./read-body.js";
import type { RegistryRequest } from "./session.js";
import type { HttpResponse } from "./transport.js";

/** A manifest or index together with its bytes. */
export interface FetchedManifest {
  readonly descriptor: Descriptor;
  readonly bytes: Buffer;
}

/** A registry and a repository in it: a Reference is one. */
export type RepositoryName = Pick<Reference, "registry" | "repository">;

const ACCEPT = [MEDIA.ociIndex, MEDIA.ociManifest, MEDIA.dockerIndex, MEDIA.dockerManifest].join(", ");

export function manifestRequest(method: "GET" | "HEAD", { registry, repository }: RepositoryName, digestOrTag: string): RegistryRequest {
  const name = isDigest(digestOrTag) ? { registry, repository, digest: digestOrTag } : { registry, repository, tag: digestOrTag };
  return {
    method,
    path: `${repository}/manifests/${digestOrTag}`,
    headers: { accept: ACCEPT },
    scopes: [`repository:${repository}:pull`],
    expect: [200],
    purpose: `pull ${familiarName(name)}`,
    notFoundCode: "IMAGE_NOT_FOUND",
  };
}

/**
 * The digest is that of the bytes. It must be the one that was asked for, and the one in the header if there is one.
 * @throws {TsbuildError} BLOB_MISMATCH, IMAGE_INVALID, IMAGE_AMBIGUOUS, IMAGE_SCHEMA_1
 */
export async function manifestOf(response: HttpResponse, digestOrTag: string): Promise<FetchedManifest> {
  const bytes = await readBody(response, MAX_MANIFEST_BYTES);
  if (bytes === undefined) {
    throw new TsbuildError("IMAGE_INVALID", `${response.url.host} sends a manifest of more than ${MAX_MANIFEST_BYTES} bytes`);
  }
  const digest = sha256Digest(bytes);
  checkDigest(response, digest, digestOrTag);
  const contentType = response.header("content-type")?.split(";", 1)[0]?.trim();
  const parsed = parseManifestOrIndex(bytes, contentType);
  const { mediaType } = parsed.type === "index" ? parsed.index : parsed.manifest;
  return { descriptor: { mediaType, digest, size: bytes.length }, bytes };
}

function checkDigest(response: HttpResponse, digest: Digest, asked: string): void {
  const claimed = response.header("docker-content-digest");
  const expected = isDigest(asked) ? asked : claimed !== undefined && isDigest(claimed) ? claimed : digest;
  if (digest === expected) return;
  throw new TsbuildError("BLOB_MISMATCH", `${response.url.host} sent another manifest than ${expected}: its digest is ${digest}`, {
    hint: "the registry or something before it is broken; nothing was kept",
  });
}
