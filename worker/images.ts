/** Base images: which one a name means, who it is, and its layers as snapshots. */
import type { Digest } from "../base/digest.js";
import type { EventSink } from "../base/events.js";
import { TsbuildError } from "../base/errors.js";
import { type Platform, formatPlatform, samePlatform } from "../base/platform.js";
import type { ImageRecord } from "../cache/types.js";
import type { Store } from "../cache/store.js";
import type { ImageResolver, ResolvedImage } from "../frontend/compile/types.js";
import { chainIds, parseImageConfig } from "../image/parse-config.js";
import { parseManifest } from "../image/parse.js";

import { type Reference, formatReference, parseReference, withDefaultTag } from "../image/reference.js";
import type { ImageConfigFile, Manifest } from "../image/types.js";
import type { ImageSource } from "../llb/op.js";
import type { Result, SourceFacts } from "../solver/types.js";
import type { Pools } from "./pool.js";
import { holdChain } from "./presence.js";
import { chainRecordName } from "./export/tag.js";
import { chainOf, platformOf } from "./image-chain.js";
import { pullLayers } from "./unpack.js";
import type { LazyRegistry } from "./registry.js";
import type { PullMode } from "./types.js";

export interface ImagesOptions {
  readonly store: Store;
  readonly pools: Pools;
  readonly events: EventSink;
  readonly pull: PullMode;
  readonly registry: LazyRegistry;
}

export class Images implements ImageResolver {
  readonly #options: ImagesOptions;

  constructor(options: ImagesOptions) {
    this.#options = options;
  }

  /** A tag of the store first, then what the name meant when it was last fetched, then the registry. */
  async resolve(text: string, platform: Platform, signal: AbortSignal): Promise<ResolvedImage> {
    if (text.startsWith("oci-layout://")) return this.#fromLayout(text, platform, signal);
    const reference = withDefaultTag(parseReference(text));
    const name = formatReference(reference);
    const { pull } = this.#options;
    const known = pull === "always" ? undefined : ((await this.#tagged(name, platform)) ?? (await this.#fetchedBefore(name, platform)));
    if (known !== undefined && pull !== "newer") return known;
    if (pull === "never") throw notHere(name, platform);
    if (known === undefined) return this.#fromRegistry(reference, name, platform, signal);
    return this.#newerThan(known, () => this.#fromRegistry(reference, name, platform, signal));
  }

  /** What is here when the registry can't be asked or knows no such image: it may have been built here. */
  async #newerThan(known: ResolvedImage, ask: () => Promise<ResolvedImage>): Promise<ResolvedImage> {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof TsbuildError)) throw error;
      this.#options.events({ type: "note", message: `${known.ref} is taken as it is here: ${error.message}` });
      return known;
    }
  }

  /** The chain ID of its layers: known from the config, so nothing is downloaded to find a hit. */
  async identify(op: ImageSource, _signal: AbortSignal): Promise<SourceFacts> {
    const { manifest, config } = await this.#read(op.manifest);
    const builtHere = await this.#options.store.bases.get(chainRecordName(manifest.config.digest));
    const chain = builtHere?.chain ?? chainOf(config);
    return {
      chain,
      identity: chainIds(config.rootfs.diff_ids).at(-1) ?? EMPTY_IDENTITY,
      isPresent: await holdChain(this.#options.store, chain),
    };
  }

  async unpack(op: ImageSource, vertex: Digest, signal: AbortSignal): Promise<Result> {
    const { manifest, config } = await this.#read(op.manifest);
    const { store, pools, events } = this.#options;
    const source =
      op.ref.startsWith("oci-layout://") || this.#options.pull === "never"
        ? undefined
        : { client: await this.#options.registry.client(), reference: parseReference(op.ref) };
    await pullLayers({ store, pools, events, vertex, manifest, config, source, signal });
    const facts = await this.identify(op, signal);
    return facts;
  }

  async #tagged(name: string, platform: Platform): Promise<ResolvedImage | undefined> {
    return this.#fromRecord(name, await this.#options.store.refs.get(name), platform);
  }

  async #fetchedBefore(name: string, platform: Platform): Promise<ResolvedImage | undefined> {
    return this.#fromRecord(name, await this.#options.store.bases.get(baseName(name, platform)), platform);
  }

  /** Undefined when the record's blobs are gone or are for another platform: then it is looked for elsewhere. */
  async #fromRecord(name: string, record: ImageRecord | undefined, platform: Platform): Promise<ResolvedImage | undefined> {
    if (record === undefined || (await this.#options.store.content.size(record.manifest)) === undefined) return undefined;
    if ((await this.#options.store.content.size(record.id)) === undefined) return undefined;
    const { config } = await this.#read(record.manifest);
    if (!samePlatform(platformOf(config), platform)) return undefined;
    return { ref: withDigest(name, record.target.digest), manifest: record.manifest, config };
  }

  async #fromRegistry(reference: Reference, name: string, platform: Platform, signal: AbortSignal): Promise<ResolvedImage> {
    const { store } = this.#options;
    const client = await this.#options.registry.client();
    const { fetchManifest } = await import("../image/pull.js");
    const fetched = await fetchManifest({ client, store: store.content, reference, platform, signal });
    await store.bases.set(baseName(name, platform), {
      id: fetched.manifest.config.digest,
      target: fetched.top,
      manifest: fetched.manifestDescriptor.digest,
      createdAtMs: Date.now(),
    });
    return { ref: fetched.ref, manifest: fetched.manifestDescriptor.digest, config: fetched.config };
  }

  async #fromLayout(text: string, platform: Platform, signal: AbortSignal): Promise<ResolvedImage> {
    const { resolveLayout } = await import("./layout-source.js");
    return resolveLayout(this.#options.store, text, platform, signal);
  }

  async #read(manifestDigest: Digest): Promise<{ manifest: Manifest; config: ImageConfigFile }> {
    const { content } = this.#options.store;
    const manifest = parseManifest(await content.read(manifestDigest));
    return { manifest, config: parseImageConfig(await content.read(manifest.config.digest)) };
  }
}

/** What the empty tree is: an image without layers. */
const EMPTY_IDENTITY: Digest = `sha256:${"0".repeat(64)}` as Digest;

function notHere(name: string, platform: Platform): TsbuildError {
  return new TsbuildError("IMAGE_NOT_FOUND", `${name} is not in the store for ${formatPlatform(platform)}, and may not be fetched`, {
    hint: "leave --pull=never out, or fetch it before with tsbuild pull",
  });
}

function baseName(name: string, platform: Platform): string {
  return `${name}|${formatPlatform(platform)}`;
}

function withDigest(name: string, digest: Digest): string {
  return name.includes("@") ? name : `${name}@${digest}`;
}
