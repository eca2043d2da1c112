import type { Platform } from "../../base/platform.js";
import { formatPlatform } from "../../base/platform.js";
import type { ImageResolver, ResolvedImage } from "./types.js";

/** Asks for each image once, however many stages use it, and side by side. */
export class ImageLookup {
  readonly #resolver: ImageResolver;
  readonly #signal: AbortSignal;
  readonly #asked = new Map<string, Promise<ResolvedImage>>();

  constructor(resolver: ImageResolver, signal: AbortSignal) {
    this.#resolver = resolver;
    this.#signal = signal;
  }

  /** @throws {TsbuildError} what the resolver throws, without a place */
  resolve(reference: string, platform: Platform): Promise<ResolvedImage> {
    const key = `${formatPlatform(platform)} ${reference}`;
    const known = this.#asked.get(key);
    if (known !== undefined) return known;
    const asked = this.#resolver.resolve(reference, platform, this.#signal);
    this.#asked.set(key, asked);
    return asked;
  }

  /** Waits until no question is under way, whatever the answers. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#asked.values());
  }
}
