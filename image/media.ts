/** Media types of layers and how their blobs are compressed (image-spec layer.md "Media types"). */
import { TsbuildError } from "../base/errors.js";
import { MEDIA } from "./types.js";

export type Compression = "none" | "gzip" | "zstd";

/** @throws {TsbuildError} LAYER_UNSUPPORTED for a type that isn't an ordinary layer */
export function compressionOf(mediaType: string): Compression {
  switch (mediaType) {
    case MEDIA.ociLayer:
    case MEDIA.dockerLayer:
      return "none";
    case MEDIA.ociLayerGzip:
    case MEDIA.dockerLayerGzip:
      return "gzip";
    case MEDIA.ociLayerZstd:
    case DOCKER_LAYER_ZSTD:
      return "zstd";
    default:
      throw new TsbuildError("LAYER_UNSUPPORTED", `layers of type ${mediaType} are not supported`, {
        hint: "foreign (non-distributable) layers and encrypted ones can't be fetched",
      });
  }
}

/** Docker has no type of its own for zstd; engines accept the name with this ending. */
const DOCKER_LAYER_ZSTD = "application/vnd.docker.image.rootfs.diff.tar.zstd";

export function layerMediaType(compression: Compression, oci: boolean): string {
  switch (compression) {
    case "none":
      return oci ? MEDIA.ociLayer : MEDIA.dockerLayer;
    case "gzip":
      return oci ? MEDIA.ociLayerGzip : MEDIA.dockerLayerGzip;
    case "zstd":
      return oci ? MEDIA.ociLayerZstd : DOCKER_LAYER_ZSTD;
  }
}
