/** A target's result as an image: its config, its manifest, and its name in the store. */
import type { Digest } from "../../base/digest.js";
import type { Platform } from "../../base/platform.js";
import type { Chain } from "../../cache/types.js";
import type { Store } from "../../cache/store.js";
import type { CompiledTarget } from "../../frontend/compile/types.js";
import { encodeConfig, encodeIndex, encodeManifest } from "../../image/write.js";
import { type Descriptor, type ImageConfigFile, MEDIA } from "../../image/types.js";
import { layerMediaType } from "../../image/media.js";
import { finishConfig } from "./config.js";
import { type Annotation, annotationsOf } from "./annotations.js";
import { type BlobChoice, type LayerWork, diffIdsOf, layerBlobs } from "./layers.js";

/** An image but for its layer blobs: its config is in the content store. */
export interface FinishedImage {
  readonly platform: Platform;
  /** The image ID. */
  readonly id: Digest;
  readonly config: ImageConfigFile;
  readonly configSize: number;
  readonly chain: Chain;
}

/** Computes what the config lacks and stores it. */
export async function finishImage(
  work: LayerWork,
  target: CompiledTarget,
  chain: Chain,
  epochSec: number | undefined,
): Promise<FinishedImage> {
  const { store } = work;
  const diffIds = await diffIdsOf(work, chain);
  const newLayers = chain.slice(target.image.rootfs.diff_ids.length);
  const times = await Promise.all(newLayers.map(async (name) => (await store.snapshots.meta(name)).createdAtMs));
  const config = finishConfig(target.image, { diffIds, newLayerTimesMs: times, epochSec, nowMs: Date.now() });
  const bytes = encodeConfig(config);
  const id = await store.content.put(bytes);
  return { platform: target.platform, id, config, configSize: bytes.length, chain };
}

/** A manifest of the image with blobs as chosen; all of it is in the content store then. */
export async function writeManifest(
  work: LayerWork,
  image: FinishedImage,
  choice: BlobChoice,
  annotations: readonly Annotation[],
): Promise<Descriptor> {
  const layers = await layerBlobs(work, image.chain, choice);
  return putManifest(work.store, image, { layers, ociMediaTypes: choice.ociMediaTypes, annotations });
}

/**
 * A manifest for the local store alone: layers that were built here are named by their tars, which are made
 * when somebody asks for them; pulled ones by the blobs they came from.
 */
export async function writeLocalManifest(store: Store, image: FinishedImage, annotations: readonly Annotation[]): Promise<Descriptor> {
  const layers = await Promise.all(
    image.chain.map(async (name, index): Promise<Descriptor> => {
      const { blobs, sizeBytes } = await store.snapshots.meta(name);
      const digest = image.config.rootfs.diff_ids[index];
      if (digest === undefined) throw new Error("Internal error: a layer without a diffID");
      const known = blobs.gzip ?? blobs.zstd ?? blobs.none;
      return known === undefined ? { mediaType: layerMediaType("none", true), digest, size: sizeBytes } : plain(known);
    }),
  );
  return putManifest(store, image, { layers, ociMediaTypes: true, annotations });
}

function plain({ mediaType, digest, size }: Descriptor): Descriptor {
  return { mediaType, digest, size };
}

interface ManifestParts {
  readonly layers: readonly Descriptor[];
  readonly ociMediaTypes: boolean;
  readonly annotations: readonly Annotation[];
}

async function putManifest(store: Store, image: FinishedImage, parts: ManifestParts): Promise<Descriptor> {
  const mediaType = parts.ociMediaTypes ? MEDIA.ociManifest : MEDIA.dockerManifest;
  const annotations = annotationsOf(parts.annotations, "manifest", image.platform);
  const bytes = encodeManifest({
    schemaVersion: 2,
    mediaType,
    config: { mediaType: parts.ociMediaTypes ? MEDIA.ociConfig : MEDIA.dockerConfig, digest: image.id, size: image.configSize },
    layers: parts.layers,
    ...(annotations === undefined ? {} : { annotations }),
  });
  const ofDescriptor = annotationsOf(parts.annotations, "manifest-descriptor", image.platform);
  return {
    mediaType,
    digest: await store.content.put(bytes),
    size: bytes.length,
    platform: image.platform,
    ...(ofDescriptor === undefined ? {} : { annotations: ofDescriptor }),
  };
}

/** One manifest stands for itself, several become an index. */
export async function joinManifests(
  store: Store,
  manifests: readonly Descriptor[],
  { ociMediaTypes, annotations }: { readonly ociMediaTypes: boolean; readonly annotations: readonly Annotation[] },
): Promise<Descriptor> {
  const [only] = manifests;
  if (manifests.length === 1 && only !== undefined) {
    const { platform: _platform, ...descriptor } = only;
    return descriptor;
  }
  const mediaType = ociMediaTypes ? MEDIA.ociIndex : MEDIA.dockerIndex;
  const ofIndex = annotationsOf(annotations, "index");
  const bytes = encodeIndex({ schemaVersion: 2, mediaType, manifests, ...(ofIndex === undefined ? {} : { annotations: ofIndex }) });
  const ofDescriptor = annotationsOf(annotations, "index-descriptor");
  return {
    mediaType,
    digest: await store.content.put(bytes),
    size: bytes.length,
    ...(ofDescriptor === undefined ? {} : { annotations: ofDescriptor }),
  };
}
