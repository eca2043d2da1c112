/** Makes an image whose documents are in the store one that can be run and built upon: its layers unpacked, its names set. */
import { type Digest, sha256Digest } from "../../base/digest.js";
import { platformScore, type Platform } from "../../base/platform.js";
import { chainRecordName } from "../../cache/chain-records.js";
import type { Store } from "../../cache/store.js";
import type { Chain } from "../../cache/types.js";
import { MAX_CONFIG_BYTES, parseImageConfig } from "../../image/parse-config.js";
import { MAX_MANIFEST_BYTES, parseManifest, parseManifestOrIndex } from "../../image/parse.js";
import { chooseForPlatform } from "../../image/pull.js";
import { type Reference, formatReference } from "../../image/reference.js";
import type { RegistryClient } from "../../image/registry/client.js";
import type { Descriptor, ImageConfigFile, Manifest } from "../../image/types.js";
import { tagImage } from "../export/tag.js";
import { chainOf, platformOf } from "../image-chain.js";
import { pullLayers } from "../unpack.js";
import { keepFormer } from "./names.js";
import type { ImageWork } from "./work.js";

export interface ArrivedImage {
  /** Manifest or index, as the names mean it. */
  readonly target: Descriptor;
  /** The manifest that is unpacked. */
  readonly manifest: Digest;
  readonly names: readonly Reference[];
  /** Where layers that aren't in the store come from; unset: nowhere. */
  readonly source: { readonly client: RegistryClient; readonly reference: Reference } | undefined;
}

/** Returns the image ID. What becomes of it is held by the store's lease until its names are set. */
export async function adoptImage(work: ImageWork, { target, manifest: digest, names, source }: ArrivedImage): Promise<Digest> {
  const { store, pools, events, signal } = work;
  const { manifest, config } = await readImage(store, digest);
  const id = manifest.config.digest;
  await store.lease.hold(`blob/${target.digest}`, `blob/${digest}`, `blob/${id}`);
  const builtHere = await knownChain(store, id);
  if (builtHere === undefined) await pullLayers({ store, pools, events, vertex: sha256Digest(digest), manifest, config, source, signal });
  for (const name of names) await keepFormer(store, name, { id });
  await tagImage(store, {
    image: { id, chain: builtHere ?? chainOf(config) },
    target,
    manifest: digest,
    names: names.map(formatReference),
  });
  return id;
}

/** The layers of an image that is here already, perhaps under other names than its chain IDs: it was built here. */
async function knownChain(store: Store, id: Digest): Promise<Chain | undefined> {
  const chain = (await store.bases.get(chainRecordName(id)))?.chain;
  if (chain === undefined) return undefined;
  await store.lease.hold(...chain.map((name) => `snapshot/${name}`));
  return (await store.snapshots.hasAll(chain)) ? chain : undefined;
}

export async function readImage(store: Store, digest: Digest): Promise<{ readonly manifest: Manifest; readonly config: ImageConfigFile }> {
  const manifest = parseManifest(await store.content.read(digest, MAX_MANIFEST_BYTES));
  return { manifest, config: parseImageConfig(await store.content.read(manifest.config.digest, MAX_CONFIG_BYTES)) };
}

/**
 * The manifest for the platform. When none was asked for, the one that runs best here, else the first that is there.
 * @throws {TsbuildError} IMAGE_PLATFORM
 */
export async function manifestFor(
  store: Store,
  top: Descriptor,
  wanted: { readonly platform: Platform; readonly isRequired: boolean; readonly name: string },
): Promise<Digest> {
  const parsed = parseManifestOrIndex(await store.content.read(top.digest, MAX_MANIFEST_BYTES), top.mediaType);
  if (parsed.type === "manifest") return top.digest;
  const present: Descriptor[] = [];
  for (const child of parsed.index.manifests) {
    const isImage = child.platform?.os !== "unknown";
    if (isImage && (await store.content.size(child.digest, child.size)) !== undefined) present.push(child);
  }
  const [first] = present;
  const fits = present.some((child) => child.platform === undefined || platformScore(wanted.platform, child.platform) > 0);
  const chosen =
    fits || wanted.isRequired || first === undefined
      ? chooseForPlatform({ ...parsed.index, manifests: present }, wanted.platform, wanted.name)
      : first;
  return manifestFor(store, chosen, wanted);
}

export function isFor(config: ImageConfigFile, platform: Platform): boolean {
  return platformScore(platform, platformOf(config)) > 0;
}
