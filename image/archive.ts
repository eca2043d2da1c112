/**
 * Image archives as `docker save` writes them since version 25: an OCI layout with a manifest.json beside, so that old and
 * new readers find what they look for. Reading takes these, OCI layouts alone, and the older archives with manifest.json alone.
 */
import type { Readable, Writable } from "node:stream";
import { canonicalJson, digestHex, type Json } from "../base/digest.js";
import { hostPlatform, platformScore, type Platform } from "../base/platform.js";
import { readArchive, type ArchiveContents, type ArchivedFile } from "./archive-reader.js";
import type { BlobStore } from "./blob-store.js";
import { imageContent, requirePresent, type ImageContent } from "./image-content.js";
import { fieldsOf, optionalStrings, requiredString, type Fields } from "./json-fields.js";
import { checkImported, layoutFiles } from "./layout.js";
import { fullName, imagesOfIndex, namedRoot, type ImportedImage } from "./layout-index.js";
import { MAX_CONFIG_BYTES, parseImageConfig } from "./parse-config.js";
import { MAX_MANIFEST_BYTES } from "./parse.js";
import { familiarName, withDefaultTag, type Reference } from "./reference.js";
import { parseStrictJson } from "./strict-json.js";
import { invalidArchive, packTar } from "./tar-files.js";
import { MEDIA, type Descriptor, type Manifest } from "./types.js";
import { encodeManifest } from "./write.js";

export interface SavedImage {
  /** None: the image is saved without a name. */
  readonly names: readonly Reference[];
  /** Manifest or index. */
  readonly descriptor: Descriptor;
}

export interface WriteArchiveOptions {
  /** Left open: who made it ends it. When writing fails it is destroyed. */
  readonly stream: Writable;
  readonly images: readonly SavedImage[];
  readonly store: BlobStore;
  readonly signal: AbortSignal;
  /** Which image of an index manifest.json speaks of; this machine's unless told. */
  readonly platform?: Platform | undefined;
}

export interface LoadedImage {
  /** Full names with tags. */
  readonly names: readonly string[];
  /** Manifest or index. */
  readonly descriptor: Descriptor;
}

/** @throws {TsbuildError} IMAGE_INCOMPLETE before anything is written, BLOB_MISMATCH when a blob of the store is damaged */
export async function writeDockerArchive({ stream, images, store, signal, platform = hostPlatform() }: WriteArchiveOptions): Promise<void> {
  const contents = await Promise.all(images.map(({ descriptor }) => imageContent(store, [descriptor])));
  const blobs = [...new Map(contents.flatMap((content) => content.blobs.map((blob) => [blob.digest, blob] as const))).values()];
  await requirePresent(store, blobs);
  const entries: Json[] = [];
  for (const [at, image] of images.entries()) {
    const content = contents[at];
    const manifest = content === undefined ? undefined : await manifestFor(content, platform, store);
    if (manifest !== undefined) entries.push(dockerEntry(image, manifest));
  }
  const roots = images.flatMap(({ names, descriptor }) =>
    names.length === 0 ? [descriptor] : names.map((name) => namedRoot(descriptor, name)),
  );
  const manifestJson = Buffer.from(canonicalJson(entries));
  const more = [{ name: "manifest.json", size: manifestJson.length, body: () => manifestJson }];
  await packTar(stream, layoutFiles({ roots, blobs, store, more }), signal);
}

/**
 * Stores every image of the archive; it may be compressed with gzip or zstd as a whole. Where an archive has both, its OCI
 * layout counts, since that alone keeps manifests as they were.
 * @throws {TsbuildError} ARCHIVE_INVALID, IMAGE_INVALID, IMAGE_INCOMPLETE, BLOB_MISMATCH
 */
export async function loadArchive(stream: Readable, store: BlobStore, signal: AbortSignal): Promise<readonly LoadedImage[]> {
  const contents = await readArchive(stream, store, signal);
  const index = contents.document("index.json");
  if (index !== undefined) return grouped(await checkImported(store, imagesOfIndex(index, contents.document("oci-layout"))));
  const manifest = contents.document("manifest.json");
  if (manifest === undefined) throw invalidArchive("it has neither index.json nor manifest.json, so it is not an image");
  return await loadDockerManifest(manifest, contents, store);
}

/** The manifest that manifest.json speaks of: the one that runs best on the platform, else the first. */
async function manifestFor(content: ImageContent, platform: Platform, store: BlobStore): Promise<Manifest | undefined> {
  let best: { readonly manifest: Manifest; readonly score: number } | undefined;
  for (const { descriptor, manifest } of content.manifests) {
    if (descriptor.platform?.os === "unknown") continue;
    const own = descriptor.platform ?? parseImageConfig(await store.read(manifest.config.digest, MAX_CONFIG_BYTES));
    const score = platformScore(platform, own);
    if (best === undefined || score > best.score) best = { manifest, score };
  }
  return best?.manifest;
}

function dockerEntry({ names }: SavedImage, manifest: Manifest): Json {
  const path = ({ digest }: Descriptor): string => `blobs/sha256/${digestHex(digest)}`;
  const tags = names.map((name) => familiarName(withDefaultTag({ ...name, digest: undefined })));
  return { Config: path(manifest.config), RepoTags: tags.length === 0 ? null : tags, Layers: manifest.layers.map(path) };
}

function grouped(images: readonly ImportedImage[]): readonly LoadedImage[] {
  const byDigest = new Map<string, { names: string[]; descriptor: Descriptor }>();
  for (const { name, descriptor } of images) {
    const group = byDigest.get(descriptor.digest) ?? { names: [], descriptor };
    if (name !== undefined && !group.names.includes(name)) group.names.push(name);
    byDigest.set(descriptor.digest, group);
  }
  return [...byDigest.values()];
}

async function loadDockerManifest(bytes: Buffer, contents: ArchiveContents, store: BlobStore): Promise<readonly LoadedImage[]> {
  const list = parseStrictJson(bytes, { what: "manifest.json", maxBytes: MAX_MANIFEST_BYTES });
  if (!Array.isArray(list)) throw invalidArchive("manifest.json is not a list");
  const loaded: LoadedImage[] = [];
  for (const [at, entry] of list.entries()) loaded.push(await loadDockerImage(fieldsOf(entry, `manifest.json: [${at}]`), contents, store));
  return loaded;
}

/** Layers stay the blobs they are, compressed or not; only the manifest is made. */
async function loadDockerImage(fields: Fields, contents: ArchiveContents, store: BlobStore): Promise<LoadedImage> {
  const config = archived(contents, requiredString(fields, "Config"));
  const layers = (optionalStrings(fields, "Layers") ?? []).map((name) => archived(contents, name));
  const { rootfs } = parseImageConfig(await store.read(config.digest, MAX_CONFIG_BYTES));
  if (rootfs.diff_ids.length !== layers.length)
    throw invalidArchive(`${fields.path} has ${layers.length} layers where its config says ${rootfs.diff_ids.length}`);
  for (const [at, layer] of layers.entries()) {
    const diffId = rootfs.diff_ids[at];
    if (layer.compression === "none" && layer.digest !== diffId)
      throw invalidArchive(`layer ${at} of ${fields.path} is ${layer.digest} where its config says ${String(diffId)}`);
  }
  const manifest: Manifest = {
    schemaVersion: 2,
    mediaType: MEDIA.ociManifest,
    config: { mediaType: MEDIA.ociConfig, digest: config.digest, size: config.size },
    layers: layers.map(layerDescriptor),
  };
  const bytes = encodeManifest(manifest);
  const digest = await store.put(bytes);
  const names = (optionalStrings(fields, "RepoTags") ?? []).flatMap((tag) => fullName(tag) ?? []);
  return { names: [...new Set(names)], descriptor: { mediaType: manifest.mediaType, digest, size: bytes.length } };
}

function archived(contents: ArchiveContents, name: string): ArchivedFile {
  const file = contents.file(name);
  if (file === undefined) throw invalidArchive(`manifest.json names ${JSON.stringify(name.slice(0, 200))}, which is not in it`);
  return file;
}

function layerDescriptor({ digest, size, compression }: ArchivedFile): Descriptor {
  if (compression === "none") return { mediaType: MEDIA.ociLayer, digest, size };
  if (compression === "gzip") return { mediaType: MEDIA.ociLayerGzip, digest, size };
  if (compression === "zstd") return { mediaType: MEDIA.ociLayerZstd, digest, size };
  throw invalidArchive(`the layer ${digest} is compressed with ${compression}; known are gzip and zstd`);
}
