/** The image as others want it: a manifest or index all of whose blobs are in the content store. Layers are packed now if they have to be. */
import { type Digest, digestHex } from "../../base/digest.js";
import { TsbuildError } from "../../base/errors.js";
import { type Platform, samePlatform } from "../../base/platform.js";
import { chainRecordName } from "../../cache/chain-records.js";
import type { Chain, ImageRecord } from "../../cache/types.js";
import type { Compression } from "../../image/media.js";
import { MAX_MANIFEST_BYTES, parseManifestOrIndex } from "../../image/parse.js";
import type { Descriptor, ImageConfigFile, Manifest } from "../../image/types.js";
import { type Annotation, annotationsFrom } from "../export/annotations.js";
import { joinManifests, writeManifest } from "../export/image.js";
import { chainOf, platformOf } from "../image-chain.js";
import { isFor, readImage } from "./adopt.js";
import type { StoredImage } from "./catalog.js";
import type { ImageWork } from "./work.js";

export interface CompleteOptions {
  /** For layers that were built here and are no blobs yet; all others stay as they are. */
  readonly compression: Compression;
  /** Only the image for this platform. */
  readonly platform?: Platform | undefined;
}

/** @throws {TsbuildError} IMAGE_INCOMPLETE, IMAGE_PLATFORM */
export async function completeImage(work: ImageWork, image: StoredImage, options: CompleteOptions): Promise<Descriptor> {
  const { children, annotations } = await completeChildren(work, image, options);
  const fitting = children.filter(
    ({ platform }) => options.platform === undefined || (platform !== undefined && samePlatform(platform, options.platform)),
  );
  if (fitting.length > 1) return joinManifests(work.store, fitting, { ociMediaTypes: true, annotations });
  const [only] = fitting;
  if (only !== undefined) return plain(only);
  if (options.platform === undefined || isFor(image.config, options.platform)) return plain(await completeOwn(work, image, options));
  throw new TsbuildError("IMAGE_PLATFORM", `the image ${digestHex(image.id).slice(0, 12)} is not in the store for that platform`, {
    hint: "pull it with --platform",
  });
}

function plain({ mediaType, digest, size }: Descriptor): Descriptor {
  return { mediaType, digest, size };
}

interface CompleteIndex {
  readonly children: readonly Descriptor[];
  /** Of the index itself. */
  readonly annotations: readonly Annotation[];
}

/** The platforms of an index that are here; none for an image that is no index. */
async function completeChildren({ store, ...rest }: ImageWork, { record }: StoredImage, options: CompleteOptions): Promise<CompleteIndex> {
  const work = { store, ...rest };
  const isIndex = record.target.digest !== record.manifest && (await store.content.size(record.target.digest)) !== undefined;
  if (!isIndex) return { children: [], annotations: [] };
  const parsed = parseManifestOrIndex(await store.content.read(record.target.digest, MAX_MANIFEST_BYTES));
  const complete: Descriptor[] = [];
  for (const child of parsed.type === "index" ? parsed.index.manifests : []) {
    if (child.platform?.os === "unknown" || (await store.content.size(child.digest, child.size)) === undefined) continue;
    const made = await completeManifest(work, child.digest, options, undefined);
    if (made === undefined) continue;
    complete.push({ ...made, platform: child.platform, ...(child.annotations === undefined ? {} : { annotations: child.annotations }) });
  }
  return { children: complete, annotations: parsed.type === "index" ? annotationsFrom("index", parsed.index.annotations) : [] };
}

async function completeOwn(work: ImageWork, image: StoredImage, options: CompleteOptions): Promise<Descriptor> {
  for (const record of image.records) {
    const whole = await wholeManifest(work, record);
    if (whole !== undefined) return whole;
  }
  const made = await completeManifest(work, image.record.manifest, options, image.record.chain);
  if (made !== undefined) return made;
  throw new TsbuildError(
    "IMAGE_INCOMPLETE",
    `the image ${digestHex(image.id).slice(0, 12)} lacks layers: they are neither unpacked nor as blobs in the store`,
    {
      hint: "pull or build it again",
    },
  );
}

async function wholeManifest(work: ImageWork, record: ImageRecord): Promise<Descriptor | undefined> {
  if ((await work.store.content.size(record.manifest)) === undefined) return undefined;
  const { manifest } = await readImage(work.store, record.manifest);
  return (await isWhole(work, manifest)) ? describe(work, record.manifest, manifest) : undefined;
}

/** Undefined when its layers are not here. */
async function completeManifest(
  work: ImageWork,
  digest: Digest,
  { compression }: CompleteOptions,
  known: Chain | undefined,
): Promise<Descriptor | undefined> {
  const { store, pools, signal } = work;
  const { manifest, config } = await readImage(store, digest);
  if (await isWhole(work, manifest)) return describe(work, digest, manifest);
  const { digest: id, size: configSize } = manifest.config;
  const chain = known ?? (await chainOfId(work, id, config));
  await store.lease.hold(...chain.map((name) => `snapshot/${name}`));
  if (!(await store.snapshots.hasAll(chain))) return undefined;
  return writeManifest(
    { store, pools, signal },
    { platform: platformOf(config), id, config, configSize, chain },
    { compression, force: false, ociMediaTypes: true },
    annotationsFrom("manifest", manifest.annotations),
  );
}

async function chainOfId({ store }: ImageWork, id: Digest, config: ImageConfigFile): Promise<Chain> {
  return (await store.bases.get(chainRecordName(id)))?.chain ?? chainOf(config);
}

/** Held first, so that nobody prunes what was found. */
async function isWhole({ store }: ImageWork, manifest: Manifest): Promise<boolean> {
  const parts = [manifest.config, ...manifest.layers];
  await store.lease.hold(...parts.map(({ digest }) => `blob/${digest}`));
  for (const { digest, size } of parts) if ((await store.content.size(digest, size)) === undefined) return false;
  return true;
}

async function describe({ store }: ImageWork, digest: Digest, { mediaType }: Manifest): Promise<Descriptor> {
  await store.lease.hold(`blob/${digest}`);
  return { mediaType, digest, size: (await store.content.size(digest)) ?? 0 };
}
