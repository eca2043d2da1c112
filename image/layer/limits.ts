import { layerLimit } from "./layer-errors.js";

/** How much a layer may ask of us before it is refused with LAYER_LIMIT. */
export interface UnpackLimits {
  /** Headers in the tar, extended headers included. */
  readonly maxEntries: number;
  /** Bytes of a name or of a link's target. */
  readonly maxPathBytes: number;
  /** Bytes of the uncompressed tar. */
  readonly maxTotalBytes: number;
  /** Uncompressed bytes for each compressed one, looked at beyond `RATIO_FLOOR_BYTES`. */
  readonly maxRatio: number;
}

/** Beyond what images in the field need, below what hurts. PATH_MAX is 4096 with its NUL (linux/limits.h). */
export const DEFAULT_UNPACK_LIMITS: UnpackLimits = {
  maxEntries: 4_000_000,
  maxPathBytes: 4095,
  maxTotalBytes: 64 * 2 ** 30,
  maxRatio: 250,
};

/** Small blobs may expand as they like: a disk image of zeros is no attack. */
export const RATIO_FLOOR_BYTES: number = 512 * 2 ** 20;

/** Bytes of one extended header. */
export const MAX_EXTENSION_BYTES: number = 1 << 20;

/** Counts the uncompressed bytes of one blob. */
export class ExpansionMeter {
  readonly #limits: UnpackLimits;
  readonly #blobBytes: number;
  #total = 0;

  constructor(limits: UnpackLimits, blobBytes: number) {
    this.#limits = limits;
    this.#blobBytes = blobBytes;
  }

  /** @throws {TsbuildError} LAYER_LIMIT */
  add(bytes: number): void {
    this.#total += bytes;
    const { maxTotalBytes, maxRatio } = this.#limits;
    if (this.#total > maxTotalBytes) throw layerLimit("maxTotalBytes", `it has more than ${maxTotalBytes} bytes uncompressed`);
    if (this.#total > RATIO_FLOOR_BYTES && this.#total > this.#blobBytes * maxRatio) {
      throw layerLimit("maxRatio", `its ${this.#blobBytes} bytes expand more than ${maxRatio} times`);
    }
  }
}
