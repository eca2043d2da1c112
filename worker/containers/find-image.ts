/** The image that a container is made of: found in the store by name or ID, pulled when it isn't there. */
import type { Digest } from "../../base/digest.js";
import { digestHex, sha256Digest } from "../../base/digest.js";
import { TsbuildError } from "../../base/errors.js";
import type { EventSink } from "../../base/events.js";
import type { Platform } from "../../base/platform.js";
import { formatPlatform, hostPlatform, samePlatform } from "../../base/platform.js";
import type { Chain, ImageRecord } from "../../cache/types.js";
import type { Store } from "../../cache/store.js";
import { parseManifest } from "../../image/parse.js";
import { parseImageConfig } from "../../image/parse-config.js";
import type { Reference } from "../../image/reference.js";
import { familiarName, formatReference, parseReference, withDefaultTag } from "../../image/reference.js";
import type { ImageConfigFile } from "../../image/types.js";
import { chainRecordName } from "../export/tag.js";
import { Images } from "../images.js";
import { chainOf, platformOf } from "../image-chain.js";
import type { Pools } from "../pool.js";
import type { LazyRegistry } from "../registry.js";

export interface ImageRequest {
  readonly image: string;
  readonly platform?: Platform | undefined;
  readonly pull: "missing" | "always" | "never";
}

export interface ImageWork {
  readonly store: Store;
  readonly pools: Pools;
  readonly registry: LazyRegistry;
  readonly onNotice: (line: string) => void;
  readonly signal: AbortSignal;
}

/** An image whose layers are all there as snapshots, held by this process's lease. */
export interface ReadyImage {
  readonly id: Digest;
  readonly config: ImageConfigFile;
  readonly chain: Chain;
}

/** @throws {TsbuildError} IMAGE_NOT_FOUND, IMAGE_AMBIGUOUS, REFERENCE_INVALID and what pulling throws */
export async function findImage(work: ImageWork, request: ImageRequest): Promise<ReadyImage> {
  if (request.pull !== "always" || isImageId(request.image)) {
    const local = await findLocal(work.store, request);
    if (local !== undefined) {
      warnOfPlatform(work, request, local.config);
      return makePresent(work, local);
    }
  }
  const reference = pullable(request);
  const name = familiarName(reference);
  if (request.pull === "missing") work.onNotice(`Unable to find image '${name}' locally`);
  return pull(work, reference, request.platform ?? hostPlatform());
}

interface LocalImage {
  readonly record: ImageRecord;
  readonly config: ImageConfigFile;
  /** For fetching layers that went missing. */
  readonly name: string;
}

async function findLocal(store: Store, { image, platform }: ImageRequest): Promise<LocalImage | undefined> {
  const byName = isImageId(image) ? undefined : await namedImage(store, withDefaultTag(parseReference(image)), platform);
  const found = byName ?? (await imageById(store, image));
  return found === undefined || platform === undefined || samePlatform(platformOf(found.config), platform) ? found : undefined;
}

/** What only an ID can be: 64 hex digits, or a digest. */
function isImageId(text: string): boolean {
  return /^(sha256:)?[0-9a-f]{64}$/.test(text);
}

/** What the user calls so first, then what a build fetched under this name. */
async function namedImage(store: Store, reference: Reference, platform: Platform | undefined): Promise<LocalImage | undefined> {
  const name = formatReference(reference);
  const tagged = await loaded(store, name, await store.refs.get(name));
  if (tagged !== undefined && (platform === undefined || samePlatform(platformOf(tagged.config), platform))) return tagged;
  const fetched = await loaded(store, name, await store.bases.get(`${name}|${formatPlatform(platform ?? hostPlatform())}`));
  return fetched ?? tagged;
}

async function imageById(store: Store, text: string): Promise<LocalImage | undefined> {
  const prefix = text.replace(/^sha256:/, "");
  if (!/^[0-9a-f]{2,64}$/.test(prefix)) return undefined;
  const matches = new Map<Digest, { readonly name: string; readonly record: ImageRecord }>();
  for (const refs of [store.bases, store.refs]) {
    for (const named of await refs.list()) if (digestHex(named.record.id).startsWith(prefix)) matches.set(named.record.id, named);
  }
  const [first, ...others] = [...matches.values()];
  if (others.length > 0) {
    throw new TsbuildError("IMAGE_AMBIGUOUS", `"${text}" is the beginning of ${others.length + 1} image IDs`, { hint: "write more of it" });
  }
  return first === undefined ? undefined : loaded(store, first.name, first.record);
}

/** Undefined when its documents are gone: then it is as good as not there. */
async function loaded(store: Store, name: string, record: ImageRecord | undefined): Promise<LocalImage | undefined> {
  if (record === undefined) return undefined;
  await store.lease.hold(`blob/${record.id}`, `blob/${record.manifest}`);
  if ((await store.content.size(record.id)) === undefined || (await store.content.size(record.manifest)) === undefined) return undefined;
  return { record, name, config: parseImageConfig(await store.content.read(record.id)) };
}

/** Most often the snapshots are there and nothing is done: an image that was just built is run as it stands. */
async function makePresent(work: ImageWork, { record, config, name }: LocalImage): Promise<ReadyImage> {
  const { store } = work;
  const chain = record.chain ?? (await store.bases.get(chainRecordName(record.id)))?.chain ?? chainOf(config);
  await store.lease.hold(...chain.map((snapshot) => `snapshot/${snapshot}`));
  if (!(await store.snapshots.hasAll(chain))) {
    const ref = name.includes("|") ? name.slice(0, name.indexOf("|")) : name;
    await unpack(work, { ref, manifest: record.manifest, config });
    return { id: record.id, config, chain: chainOf(config) };
  }
  return { id: record.id, config, chain };
}

async function pull(work: ImageWork, reference: Reference, platform: Platform): Promise<ReadyImage> {
  const { store, onNotice } = work;
  const name = formatReference(reference);
  onNotice(`${familiarName(reference)}: pulling from ${reference.registry}/${reference.repository}`);
  const images = imagesFor(work, () => undefined);
  const resolved = await images.resolve(name, platform, work.signal);
  const manifest = parseManifest(await store.content.read(resolved.manifest));
  await unpack(work, resolved);
  const chain = chainOf(resolved.config);
  const base = await store.bases.get(`${name}|${formatPlatform(platform)}`);
  if (base !== undefined && reference.digest === undefined) await store.refs.set(name, { ...base, chain, createdAtMs: Date.now() });
  onNotice(`Status: Downloaded newer image for ${familiarName(reference)}`);
  return { id: manifest.config.digest, config: resolved.config, chain };
}

async function unpack(
  work: ImageWork,
  { ref, manifest, config }: { readonly ref: string; readonly manifest: Digest; readonly config: ImageConfigFile },
): Promise<void> {
  const images = imagesFor(work, layerNotices(work.onNotice));
  const op = { kind: "source", type: "image", ref, manifest, platform: platformOf(config) } as const;
  await images.unpack(op, sha256Digest(ref), work.signal);
}

function imagesFor({ store, pools, registry }: ImageWork, events: EventSink): Images {
  return new Images({ store, pools, events, pull: "always", registry });
}

/** A line for each layer that has arrived. */
function layerNotices(onNotice: (line: string) => void): EventSink {
  const done = new Set<string>();
  return (event) => {
    if (event.type !== "step-progress" || !event.isDone || done.has(event.id)) return;
    done.add(event.id);
    onNotice(`${event.id.replace("sha256:", "").slice(0, 12)}: Pull complete`);
  };
}

/** @throws {TsbuildError} IMAGE_NOT_FOUND for what can't be pulled, or may not be */
function pullable({ image, pull: mode }: ImageRequest): Reference {
  if (isImageId(image))
    throw new TsbuildError("IMAGE_NOT_FOUND", `No such image: ${image}`, { hint: "an image ID means an image that is in the store" });
  const reference = withDefaultTag(parseReference(image));
  if (mode !== "never") return reference;
  throw new TsbuildError("IMAGE_NOT_FOUND", `No such image: ${familiarName(reference)}`, {
    hint: "leave --pull=never out, and it is pulled",
  });
}

function warnOfPlatform({ onNotice }: ImageWork, { platform }: ImageRequest, config: ImageConfigFile): void {
  const own = platformOf(config);
  if (platform !== undefined || samePlatform(own, hostPlatform())) return;
  onNotice(
    `WARNING: The requested image's platform (${formatPlatform(own)}) does not match the detected host platform (${formatPlatform(hostPlatform())}) and no specific platform was requested`,
  );
}
