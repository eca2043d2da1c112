/** Manifests and indexes from bytes that nobody vouches for (OCI image-spec manifest.md, image-index.md; Docker schema 2). */
import { TsbuildError } from "../base/errors.js";
import { normalize, type Platform } from "../base/platform.js";
import {
  fieldError,
  fieldsOf,
  optionalInteger,
  optionalList,
  optionalObject,
  optionalString,
  optionalStringMap,
  requiredDigest,
  requiredSize,
  requiredString,
  type Fields,
} from "./json-fields.js";
import { parseStrictJson } from "./strict-json.js";
import { MEDIA, type Descriptor, type Index, type Manifest } from "./types.js";

/** The largest manifest or index that is read, as in Docker Hub and the other large registries. */
export const MAX_MANIFEST_BYTES: number = 4 * 1024 * 1024;
const MAX_LAYERS = 1000;
const MAX_INDEX_ENTRIES = 2000;

export type ManifestOrIndex =
  | { readonly type: "manifest"; readonly manifest: Manifest }
  | { readonly type: "index"; readonly index: Index };

const INDEX_TYPES: readonly string[] = [MEDIA.ociIndex, MEDIA.dockerIndex];
const MANIFEST_TYPES: readonly string[] = [MEDIA.ociManifest, MEDIA.dockerManifest];

export function isIndexType(mediaType: string): boolean {
  return INDEX_TYPES.includes(mediaType);
}

export function isManifestType(mediaType: string): boolean {
  return MANIFEST_TYPES.includes(mediaType);
}

/**
 * `mediaType` is what the descriptor or the Content-Type header said; types that name neither a manifest nor an index say nothing.
 * A document that could be read as both is refused (GHSA-5j5w-g665-5m35).
 * @throws {TsbuildError} IMAGE_INVALID, IMAGE_AMBIGUOUS, IMAGE_SCHEMA_1
 */
export function parseManifestOrIndex(bytes: Uint8Array, mediaType?: string): ManifestOrIndex {
  const fields = fieldsOf(parseStrictJson(bytes, { what: "image manifest", maxBytes: MAX_MANIFEST_BYTES }), "image manifest");
  refuseSchema1(fields, mediaType);
  const type = mediaTypeOf(fields, mediaType);
  return isIndexType(type) ? { type: "index", index: indexFrom(fields, type) } : { type: "manifest", manifest: manifestFrom(fields, type) };
}

/** @throws {TsbuildError} as `parseManifestOrIndex`, and IMAGE_INVALID for an index */
export function parseManifest(bytes: Uint8Array, mediaType?: string): Manifest {
  const parsed = parseManifestOrIndex(bytes, mediaType);
  if (parsed.type === "index") throw new TsbuildError("IMAGE_INVALID", "expected an image manifest, found an image index");
  return parsed.manifest;
}

/** @throws {TsbuildError} as `parseManifestOrIndex`, and IMAGE_INVALID for a manifest */
export function parseIndex(bytes: Uint8Array, mediaType?: string): Index {
  const parsed = parseManifestOrIndex(bytes, mediaType);
  if (parsed.type === "manifest") throw new TsbuildError("IMAGE_INVALID", "expected an image index, found an image manifest");
  return parsed.index;
}

/** Reads a descriptor out of any document. `path` names it in messages. */
export function descriptorFrom(value: unknown, path: string): Descriptor {
  const fields = fieldsOf(value, path);
  const platform = optionalObject(fields, "platform");
  const annotations = optionalStringMap(fields, "annotations");
  return {
    mediaType: requiredString(fields, "mediaType"),
    digest: requiredDigest(fields, "digest"),
    size: requiredSize(fields, "size"),
    ...(platform === undefined ? {} : { platform: platformFrom(platform) }),
    ...(annotations === undefined ? {} : { annotations }),
  };
}

function platformFrom(fields: Fields): Platform {
  const variant = optionalString(fields, "variant");
  return normalize({ os: requiredString(fields, "os"), architecture: requiredString(fields, "architecture"), variant });
}

function refuseSchema1(fields: Fields, mediaType: string | undefined): void {
  const isOldType = mediaType !== undefined && mediaType.startsWith("application/vnd.docker.distribution.manifest.v1");
  if (!isOldType && optionalInteger(fields, "schemaVersion") !== 1) return;
  throw new TsbuildError("IMAGE_SCHEMA_1", "the image has a Docker schema 1 manifest, a format given up in 2015", {
    hint: "pull and push the image once with a current tool to convert it",
  });
}

/** Decides between manifest and index, and refuses whatever two readers could decide differently. */
function mediaTypeOf(fields: Fields, fromOutside: string | undefined): string {
  if (optionalInteger(fields, "schemaVersion") !== 2) throw fieldError("image manifest: schemaVersion", "must be 2");
  const looksLikeIndex = hasMember(fields, "manifests");
  const looksLikeManifest = hasMember(fields, "layers") || hasMember(fields, "config") || hasMember(fields, "fslayers");
  if (looksLikeIndex && looksLikeManifest) throw ambiguous("it has members of both");
  const declared = optionalString(fields, "mediaType");
  if (declared !== undefined && !isIndexType(declared) && !isManifestType(declared)) {
    throw fieldError("image manifest: mediaType", `is ${JSON.stringify(declared.slice(0, 100))}, which is no kind of image`);
  }
  const outside = fromOutside !== undefined && (isIndexType(fromOutside) || isManifestType(fromOutside)) ? fromOutside : undefined;
  if (declared !== undefined && outside !== undefined && isIndexType(declared) !== isIndexType(outside)) {
    throw ambiguous(`it calls itself ${declared}, but was announced as ${outside}`);
  }
  const type = declared ?? outside ?? (looksLikeIndex ? MEDIA.ociIndex : MEDIA.ociManifest);
  if (isIndexType(type) ? looksLikeManifest : looksLikeIndex) throw ambiguous(`its members don't fit its type ${type}`);
  return type;
}

/** Some readers ignore the case of member names; one that differs only in case would be seen by them alone. */
function hasMember(fields: Fields, name: string): boolean {
  const matches = Object.keys(fields.object).filter((key) => key.toLowerCase() === name);
  if (matches.some((key) => key !== name && key !== "fsLayers"))
    throw ambiguous(`its member ${JSON.stringify(matches[0])} is written unlike "${name}"`);
  return matches.length > 0;
}

function ambiguous(problem: string): TsbuildError {
  return new TsbuildError("IMAGE_AMBIGUOUS", `the document is neither clearly an image manifest nor clearly an image index: ${problem}`);
}

function manifestFrom(fields: Fields, mediaType: string): Manifest {
  const config = optionalObject(fields, "config");
  if (config === undefined) throw fieldError("image manifest: config", "is missing");
  const layers = optionalList(fields, "layers", descriptorFrom) ?? [];
  if (layers.length > MAX_LAYERS) throw fieldError("image manifest: layers", `has ${layers.length} entries, more than ${MAX_LAYERS}`);
  return { schemaVersion: 2, mediaType, config: descriptorFrom(config.object, config.path), layers, ...annotationsOf(fields) };
}

function indexFrom(fields: Fields, mediaType: string): Index {
  const manifests = optionalList(fields, "manifests", descriptorFrom) ?? [];
  if (manifests.length > MAX_INDEX_ENTRIES)
    throw fieldError("image index: manifests", `has ${manifests.length} entries, more than ${MAX_INDEX_ENTRIES}`);
  return { schemaVersion: 2, mediaType, manifests, ...annotationsOf(fields) };
}

function annotationsOf(fields: Fields): { annotations?: Readonly<Record<string, string>> } {
  const annotations = optionalStringMap(fields, "annotations");
  return annotations === undefined ? {} : { annotations };
}
