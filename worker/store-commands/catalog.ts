/** The images of the store as people see them: one per ID, with all its names. */
import { type Digest, digestHex } from "../../base/digest.js";
import { TsbuildError } from "../../base/errors.js";
import { chainRecordId } from "../../cache/chain-records.js";
import { namedBlobs } from "../../cache/image-check.js";
import type { NamedImage } from "../../cache/image-record.js";
import type { Store } from "../../cache/store.js";
import type { ImageRecord } from "../../cache/types.js";
import { MAX_CONFIG_BYTES, parseImageConfig } from "../../image/parse-config.js";
import { type Reference, formatReference, parseReference, withDefaultTag } from "../../image/reference.js";
import type { ImageConfigFile } from "../../image/types.js";

export interface StoredImage {
  readonly id: Digest;
  /** Of its first name. */
  readonly record: ImageRecord;
  /** All of them: they may mean different manifests of the same image. */
  readonly records: readonly ImageRecord[];
  /** Those with a tag, by name. */
  readonly tags: readonly Reference[];
  /** Those with a digest: what a registry calls it. */
  readonly digests: readonly Reference[];
  readonly config: ImageConfigFile;
}

export interface FoundImage {
  readonly image: StoredImage;
  /** The name by which it was found; undefined: by its ID. */
  readonly name: Reference | undefined;
}

/** Named images, and those that have lost their last name. The newest come first. */
export async function listImages(store: Store): Promise<readonly StoredImage[]> {
  const named = await store.refs.list();
  const images = await Promise.all(
    [...grouped([...named, ...(await untagged(store, named))])].map(([, group]) => storedImage(store, group)),
  );
  return images.filter((image) => image !== undefined).sort((a, b) => createdMs(b) - createdMs(a) || compare(a.id, b.id));
}

/** Milliseconds since 1970; 0 when the config doesn't say. */
export function createdMs({ config }: StoredImage): number {
  const time = Date.parse(config.created ?? "");
  return Number.isNaN(time) ? 0 : time;
}

/**
 * By name first, then by ID or the beginning of one. Undefined when there is none.
 * @throws {TsbuildError} IMAGE_AMBIGUOUS, REFERENCE_INVALID
 */
export async function findImage(store: Store, text: string): Promise<FoundImage | undefined> {
  const images = await listImages(store);
  const byName = isImageId(text) ? undefined : findNamed(images, text);
  return byName ?? findById(images, text);
}

/** @throws {TsbuildError} IMAGE_NOT_FOUND and as `findImage` */
export async function requireImage(store: Store, text: string): Promise<FoundImage> {
  const found = await findImage(store, text);
  if (found === undefined) throw noSuchImage(text);
  return found;
}

export function noSuchImage(text: string): TsbuildError {
  return new TsbuildError(
    "IMAGE_NOT_FOUND",
    `No such image: ${isImageId(text) || text.includes("@") || hasTag(text) ? text : `${text}:latest`}`,
    {
      hint: "tsbuild images lists what there is",
    },
  );
}

/** What only an ID can be: 64 hex digits, or a digest. */
export function isImageId(text: string): boolean {
  return /^(sha256:)?[0-9a-f]{64}$/.test(text);
}

function hasTag(text: string): boolean {
  return text.includes(":", text.lastIndexOf("/") + 1);
}

function findNamed(images: readonly StoredImage[], text: string): FoundImage | undefined {
  const reference = parsed(text);
  if (reference === undefined) return undefined;
  // A tag beside a digest says nothing more than the digest.
  const name = formatReference(reference.digest === undefined ? withDefaultTag(reference) : { ...reference, tag: undefined });
  for (const image of images) {
    const match = [...image.tags, ...image.digests].find((known) => formatReference(known) === name);
    if (match !== undefined) return { image, name: match };
  }
  return undefined;
}

/** What can't be a name can still be nothing but an ID: only then its error is worth telling. */
function parsed(text: string): Reference | undefined {
  try {
    return parseReference(text);
  } catch (error) {
    if (/^(sha256:)?[0-9a-f]+$/.test(text)) return undefined;
    throw error;
  }
}

function findById(images: readonly StoredImage[], text: string): FoundImage | undefined {
  const prefix = text.replace(/^sha256:/, "");
  if (!/^[0-9a-f]{1,64}$/.test(prefix)) return undefined;
  const matches = images.filter(({ id }) => digestHex(id).startsWith(prefix));
  if (matches.length > 1)
    throw new TsbuildError("IMAGE_AMBIGUOUS", `"${text}" is the beginning of ${matches.length} image IDs`, { hint: "write more of it" });
  const [image] = matches;
  return image === undefined ? undefined : { image, name: undefined };
}

/** Kept by ID, and neither named nor one platform of what is. */
async function untagged(store: Store, named: readonly NamedImage[]): Promise<readonly NamedImage[]> {
  const kept = (await store.bases.list()).filter(({ name, record }) => chainRecordId(name) === record.id);
  const ids = new Set(named.map(({ record }) => record.id));
  const candidates = kept.filter(({ record }) => !ids.has(record.id));
  if (candidates.length === 0) return [];
  const platforms = await platformsOfNamed(store, named);
  return candidates.filter(({ record }) => !platforms.has(record.id));
}

async function platformsOfNamed(store: Store, named: readonly NamedImage[]): Promise<ReadonlySet<Digest>> {
  const digests = new Set<Digest>();
  for (const { record } of named)
    if (record.target.digest !== record.manifest) await namedBlobs(record.target.digest, store.content, digests);
  return digests;
}

function grouped(named: readonly NamedImage[]): ReadonlyMap<Digest, readonly NamedImage[]> {
  const groups = new Map<Digest, NamedImage[]>();
  for (const image of named) groups.set(image.record.id, [...(groups.get(image.record.id) ?? []), image]);
  return groups;
}

/** Undefined when its config is gone: then it is as good as not there. */
async function storedImage(store: Store, group: readonly NamedImage[]): Promise<StoredImage | undefined> {
  const [first] = group;
  if (first === undefined || (await store.content.size(first.record.id)) === undefined) return undefined;
  const { id } = first.record;
  const references = group.filter(({ name }) => chainRecordId(name) === undefined).map(({ name }) => parseReference(name));
  return {
    id,
    record: first.record,
    records: group.map(({ record }) => record),
    tags: references.filter(({ digest }) => digest === undefined),
    digests: references.filter(({ digest }) => digest !== undefined),
    config: parseImageConfig(await store.content.read(id, MAX_CONFIG_BYTES)),
  };
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
