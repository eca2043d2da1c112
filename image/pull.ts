/** Images from registries into the store, in two steps: what an image is made of, and then a layer when somebody needs it. */
import { TsbuildError } from "../base/errors.js";
import { formatPlatform, platformScore, type Platform } from "../base/platform.js";
import { commitChecked, type BlobStore } from "./blob-store.js";
import { MAX_CONFIG_BYTES, parseImageConfig } from "./parse-config.js";
import { isIndexType, MAX_MANIFEST_BYTES, parseManifestOrIndex } from "./parse.js";
import { familiarName, formatReference, withDefaultTag, type Reference } from "./reference.js";
import type { RegistryClient } from "./registry/client.js";
import type { OnProgress } from "./registry/download.js";
import type { FetchedManifest } from "./registry/manifest-request.js";
import type { Descriptor, ImageConfigFile, Index, Manifest } from "./types.js";

export interface FetchManifestOptions {
  readonly client: RegistryClient;
  readonly store: BlobStore;
  readonly reference: Reference;
  readonly platform: Platform;
  readonly signal: AbortSignal;
}

export interface FetchedImage {
  /** Full name, pinned: `docker.io/library/alpine:3.20@sha256:…`, the digest being that of `top`. */
  readonly ref: string;
  /** What the name means: a manifest or an index. */
  readonly top: Descriptor;
  readonly manifestDescriptor: Descriptor;
  readonly manifest: Manifest;
  readonly config: ImageConfigFile;
}

export interface FetchBlobOptions {
  readonly client: RegistryClient;
  readonly store: BlobStore;
  readonly reference: Reference;
  readonly descriptor: Descriptor;
  readonly signal: AbortSignal;
  readonly onProgress?: OnProgress | undefined;
}

const MAX_INDEX_DEPTH = 3;

/**
 * Stores the index (if there is one), the manifest for the platform and its config; no layers. What the store has is not fetched:
 * a reference with a digest needs no network then, one with a tag a single HEAD.
 * @throws {TsbuildError} IMAGE_NOT_FOUND, IMAGE_PLATFORM (listing what there is), IMAGE_INVALID, BLOB_MISMATCH, REGISTRY_*
 */
export async function fetchManifest(options: FetchManifestOptions): Promise<FetchedImage> {
  const { store, platform } = options;
  const reference = withDefaultTag(options.reference);
  const top = await fetchTop({ ...options, reference });
  let chosen = top;
  let parsed = parseManifestOrIndex(top.bytes, top.descriptor.mediaType);
  for (let depth = 0; parsed.type === "index"; depth++) {
    if (depth === MAX_INDEX_DEPTH)
      throw new TsbuildError("IMAGE_INVALID", `${familiarName(reference)} has indexes nested deeper than ${MAX_INDEX_DEPTH} levels`);
    const entry = chooseForPlatform(parsed.index, platform, familiarName(reference));
    chosen = await fetchDocument({ ...options, reference }, entry);
    parsed = parseManifestOrIndex(chosen.bytes, entry.mediaType);
  }
  const { manifest } = parsed;
  const config = await fetchConfig({ ...options, reference }, manifest);
  checkLayers(manifest, config, reference);
  if (chosen !== top && platformScore(platform, config) === 0)
    throw noSuchPlatform(familiarName(reference), platform, [formatPlatform(config)]);
  await store.put(top.bytes, top.descriptor.digest);
  return {
    ref: formatReference({ ...reference, digest: top.descriptor.digest }),
    top: top.descriptor,
    manifestDescriptor: chosen.descriptor,
    manifest,
    config,
  };
}

/** Stores one blob of the image, unless it is there. Size and digest are checked before it can be seen. */
export async function fetchBlob({ client, store, reference, descriptor, signal, onProgress }: FetchBlobOptions): Promise<void> {
  if ((await store.size(descriptor.digest, descriptor.size)) !== undefined) {
    onProgress?.(descriptor.size, descriptor.size);
    return;
  }
  await using writer = await store.writer();
  await client.blob(reference, descriptor, { write: (chunk) => writer.write(chunk), checksDigest: true }, signal, onProgress);
  await commitChecked(writer, descriptor, `the registry sent other bytes for ${descriptor.digest}`);
}

/**
 * The entry that runs best on the platform; one that doesn't say what it is for is taken when no other fits.
 * @throws {TsbuildError} IMAGE_PLATFORM
 */
export function chooseForPlatform(index: Index, platform: Platform, name: string): Descriptor {
  let best: { readonly entry: Descriptor; readonly score: number } | undefined;
  for (const entry of index.manifests) {
    const score = entry.platform === undefined ? 1 : platformScore(platform, entry.platform);
    if (score > (best?.score ?? 0)) best = { entry, score };
  }
  if (best !== undefined) return best.entry;
  const offered = index.manifests.flatMap((entry) =>
    entry.platform === undefined || entry.platform.os === "unknown" ? [] : [formatPlatform(entry.platform)],
  );
  throw noSuchPlatform(name, platform, offered);
}

function noSuchPlatform(name: string, platform: Platform, offered: readonly string[]): TsbuildError {
  const shown = [...new Set(offered)];
  const list = shown.length > 30 ? `${shown.slice(0, 30).join(", ")} and ${shown.length - 30} more` : shown.join(", ");
  return new TsbuildError("IMAGE_PLATFORM", `${name} has no image for platform ${formatPlatform(platform)}`, {
    hint: list === "" ? "the index lists no platforms" : `it is there for ${list}`,
  });
}

/** A tag's HEAD doesn't count against the pull limits of Docker Hub, a GET does. */
async function fetchTop({ client, store, reference, signal }: FetchManifestOptions): Promise<FetchedManifest> {
  const digest = reference.digest ?? (await client.head(reference, signal));
  const known = digest === undefined ? undefined : await readKnown(store, digest);
  return known ?? (await client.resolve(reference, signal));
}

async function readKnown(store: BlobStore, digest: Descriptor["digest"]): Promise<FetchedManifest | undefined> {
  if ((await store.size(digest)) === undefined) return undefined;
  const bytes = await store.read(digest, MAX_MANIFEST_BYTES);
  const parsed = parseManifestOrIndex(bytes);
  const { mediaType } = parsed.type === "index" ? parsed.index : parsed.manifest;
  return { descriptor: { mediaType, digest, size: bytes.length }, bytes };
}

/** An index or manifest that an index names. The descriptor keeps the platform that was said there. */
async function fetchDocument({ client, store, reference, signal }: FetchManifestOptions, entry: Descriptor): Promise<FetchedManifest> {
  if (entry.size > MAX_MANIFEST_BYTES)
    throw new TsbuildError(
      "IMAGE_INVALID",
      `${entry.digest} of ${familiarName(reference)} is said to have ${entry.size} bytes, too many for a manifest`,
    );
  if ((await store.size(entry.digest, entry.size)) !== undefined)
    return { descriptor: entry, bytes: await store.read(entry.digest, MAX_MANIFEST_BYTES) };
  const { bytes } = await client.manifest(reference, entry.digest, signal);
  if (bytes.length !== entry.size)
    throw new TsbuildError(
      "BLOB_MISMATCH",
      `${entry.digest} of ${familiarName(reference)} has ${bytes.length} bytes where its index says ${entry.size}`,
    );
  await store.put(bytes, entry.digest);
  return { descriptor: entry, bytes };
}

async function fetchConfig(options: FetchManifestOptions, manifest: Manifest): Promise<ImageConfigFile> {
  const { config } = manifest;
  if (config.size > MAX_CONFIG_BYTES)
    throw new TsbuildError(
      "IMAGE_INVALID",
      `the config of ${familiarName(options.reference)} is said to have ${config.size} bytes, more than ${MAX_CONFIG_BYTES}`,
    );
  await fetchBlob({ ...options, descriptor: config });
  return parseImageConfig(await options.store.read(config.digest, MAX_CONFIG_BYTES));
}

function checkLayers(manifest: Manifest, config: ImageConfigFile, reference: Reference): void {
  const said = config.rootfs.diff_ids.length;
  if (manifest.layers.length !== said) {
    throw new TsbuildError(
      "IMAGE_INVALID",
      `${familiarName(reference)} has ${manifest.layers.length} layers where its config says ${said}`,
    );
  }
  const nested = manifest.layers.find(({ mediaType }) => isIndexType(mediaType));
  if (nested !== undefined) throw new TsbuildError("IMAGE_INVALID", `${familiarName(reference)} has an index as a layer`);
}
