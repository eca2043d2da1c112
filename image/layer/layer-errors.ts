/** The ways in which a layer that somebody else made can be unusable. */
import { TsbuildError } from "../../base/errors.js";

const FETCH_AGAIN = "fetch it again; if that doesn't help, the image is broken at its source";

/** Broken: cut short, changed, or nonsense. */
export function layerCorrupt(why: string, cause?: unknown): TsbuildError {
  return new TsbuildError("LAYER_CORRUPT", `the layer is corrupt: ${why}`, { hint: FETCH_AGAIN, cause });
}

/** Larger than we are willing to unpack. `limit` is the member of UnpackLimits. */
export function layerLimit(limit: string, why: string): TsbuildError {
  return new TsbuildError("LAYER_LIMIT", `the layer is over a limit (${limit}): ${why}`, { hint: "if you trust it, raise the limit" });
}

/** Whole but of a kind that we don't read. */
export function layerUnsupported(why: string): TsbuildError {
  return new TsbuildError("LAYER_UNSUPPORTED", `the layer can't be unpacked: ${why}`, {
    hint: "make the image again with a current builder",
  });
}

/** A name that would reach outside the image. */
export function layerUnsafe(name: string, why: string): TsbuildError {
  return new TsbuildError("LAYER_UNSAFE_PATH", `the layer is refused: its entry ${JSON.stringify(name)} ${why}`, {
    hint: "don't use this image: such names are made to overwrite files of the host",
  });
}
