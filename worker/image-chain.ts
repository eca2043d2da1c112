/** An image's layers by the names that their snapshots have in the store. */
import { digestHex } from "../base/digest.js";
import { TsbuildError } from "../base/errors.js";
import type { Platform } from "../base/platform.js";
import type { Chain, SnapshotName } from "../cache/types.js";
import { chainIds } from "../image/parse-config.js";
import type { Descriptor, ImageConfigFile, Manifest } from "../image/types.js";

/** Snapshots of image layers are named by their chain IDs, so images share them. */
export function chainOf(config: ImageConfigFile): Chain {
  return chainIds(config.rootfs.diff_ids).map((id) => digestHex(id) as SnapshotName);
}

export function platformOf(config: ImageConfigFile): Platform {
  return { os: config.os, architecture: config.architecture, variant: config.variant };
}

/** The blob that holds a layer, by position. @throws {TsbuildError} IMAGE_INVALID when the config counts others */
export function layerDescriptors(manifest: Manifest, config: ImageConfigFile): readonly Descriptor[] {
  if (manifest.layers.length !== config.rootfs.diff_ids.length) {
    throw new TsbuildError(
      "IMAGE_INVALID",
      `the image's manifest lists ${manifest.layers.length} layers, its config ${config.rootfs.diff_ids.length}`,
    );
  }
  return manifest.layers;
}
