/** For tests only: a small image, put into a store. */
import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { sha256Digest } from "../base/digest.js";
import type { Platform } from "../base/platform.js";
import type { BlobStore } from "./blob-store.js";
import { MEDIA, type Descriptor, type ImageConfigFile, type Index, type Manifest } from "./types.js";
import { encodeConfig, encodeIndex, encodeManifest } from "./write.js";

export interface TestImage {
  readonly descriptor: Descriptor;
  readonly manifest: Manifest;
  readonly config: ImageConfigFile;
}

/** Bytes that don't compress, the same for the same seed. */
export function noise(seed: string, length: number): Buffer {
  const blocks: Buffer[] = [];
  for (let at = 0; at * 64 < length; at++) blocks.push(createHash("sha512").update(`${seed} ${at}`).digest());
  return Buffer.concat(blocks).subarray(0, length);
}

/** Each content is a layer; the layers aren't tars, which nothing here looks at. */
export async function putImage(
  store: BlobStore,
  contents: readonly Buffer[],
  options: { readonly platform?: Platform; readonly isGzip?: boolean } = {},
): Promise<TestImage> {
  const { platform = { os: "linux", architecture: "amd64" }, isGzip = true } = options;
  const layers: Descriptor[] = [];
  for (const content of contents) {
    const blob = isGzip ? gzipSync(content) : content;
    layers.push({ mediaType: isGzip ? MEDIA.ociLayerGzip : MEDIA.ociLayer, digest: await store.put(blob), size: blob.length });
  }
  const config: ImageConfigFile = {
    ...platform,
    config: { Env: ["A=1"] },
    rootfs: { type: "layers", diff_ids: contents.map((content) => sha256Digest(content)) },
    history: [],
  };
  const configBytes = encodeConfig(config);
  const manifest: Manifest = {
    schemaVersion: 2,
    mediaType: MEDIA.ociManifest,
    config: { mediaType: MEDIA.ociConfig, digest: await store.put(configBytes), size: configBytes.length },
    layers,
  };
  const bytes = encodeManifest(manifest);
  return { descriptor: { mediaType: manifest.mediaType, digest: await store.put(bytes), size: bytes.length }, manifest, config };
}

export async function putIndex(store: BlobStore, manifests: readonly Descriptor[]): Promise<Descriptor> {
  const index: Index = { schemaVersion: 2, mediaType: MEDIA.ociIndex, manifests };
  const bytes = encodeIndex(index);
  return { mediaType: index.mediaType, digest: await store.put(bytes), size: bytes.length };
}
