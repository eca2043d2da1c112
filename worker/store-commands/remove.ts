/** What removing an image by one of its names or by its ID does, as `docker rmi` does it. */
import { type Digest, digestHex } from "../../base/digest.js";
import { TsbuildError } from "../../base/errors.js";
import { chainRecordId } from "../../cache/chain-records.js";
import { removeImages } from "../../cache/prune.js";
import type { NamedImage } from "../../cache/image-record.js";
import type { Store } from "../../cache/store.js";
import { chainIds } from "../../image/parse-config.js";
import { type Reference, familiarName, formatReference } from "../../image/reference.js";
import { listContainers } from "../containers/state.js";
import { type FoundImage, type StoredImage, requireImage } from "./catalog.js";
import { imageChain } from "./size.js";

export interface ImageUser {
  readonly id: string;
  readonly isRunning: boolean;
}

export interface RemovedImage {
  readonly untagged: readonly Reference[];
  /** The image's ID and the chain IDs of the layers that went with it, topmost first. */
  readonly deleted: readonly Digest[];
}

/** @throws {TsbuildError} IMAGE_NOT_FOUND, IMAGE_AMBIGUOUS, IMAGE_IN_USE */
export async function removeStoredImage(store: Store, text: string, options: { readonly force: boolean }): Promise<RemovedImage> {
  const found = await requireImage(store, text);
  const decision = decideRemoval(found, { text, users: imageUsers(store, found.image.id), force: options.force });
  const { image } = found;
  const chain = await imageChain(store, image);
  const result = await removeImages(store, {
    refs: new Set(decision.untag.map(formatReference)),
    bases: new Set(baseRecords(store, image, decision)),
  });
  if (!decision.deletes) return { untagged: decision.untag, deleted: [] };
  const gone = new Set<string>(result.removed.map(({ name }) => name));
  const ids = chainIds(image.config.rootfs.diff_ids);
  const layers = chain.flatMap((name, index) => (gone.has(name) && ids[index] !== undefined ? [ids[index]] : []));
  return { untagged: decision.untag, deleted: [image.id, ...layers.reverse()] };
}

/** Containers made of the image, running ones first. */
export function imageUsers(store: Store, id: Digest): readonly ImageUser[] {
  const users = listContainers(store).filter(({ imageId }) => imageId === id);
  return users
    .map((user) => ({ id: user.id, isRunning: user.status === "running" }))
    .sort((a, b) => Number(b.isRunning) - Number(a.isRunning));
}

export interface RemovalDecision {
  readonly untag: readonly Reference[];
  /** True when the image goes with its last name. */
  readonly deletes: boolean;
}

interface RemovalRequest {
  /** As the user wrote it. */
  readonly text: string;
  readonly users: readonly ImageUser[];
  readonly force: boolean;
}

/** @throws {TsbuildError} IMAGE_IN_USE */
export function decideRemoval({ image, name }: FoundImage, request: RemovalRequest): RemovalDecision {
  return name === undefined ? removalById(image, request) : removalByName(image, name, request);
}

function removalByName(image: StoredImage, name: Reference, { text, users: [user], force }: RemovalRequest): RemovalDecision {
  if (user !== undefined && !force && hasSingleName(image)) {
    const id = digestHex(image.id).slice(0, 12);
    throw inUse(
      `conflict: unable to remove repository reference "${text}" (must force) - container ${user.id.slice(0, 12)} is using its referenced image ${id}`,
    );
  }
  const untag = [name, ...lonelyDigests(image, name)];
  const isLast = untag.length === image.tags.length + image.digests.length;
  return { untag, deletes: isLast && user?.isRunning !== true };
}

/** A tag takes the digests of its repository with it when it is the repository's last. */
function lonelyDigests({ tags, digests }: StoredImage, name: Reference): readonly Reference[] {
  if (name.digest !== undefined || tags.some((tag) => isSameRepository(tag, name) && tag.tag !== name.tag)) return [];
  return digests.filter((digest) => isSameRepository(digest, name));
}

function removalById(image: StoredImage, { users: [user], force }: RemovalRequest): RemovalDecision {
  const conflict = (how: "cannot be forced" | "must be forced", why: string): TsbuildError =>
    inUse(`conflict: unable to delete ${digestHex(image.id).slice(0, 12)} (${how}) - ${why}`);
  if (user?.isRunning === true) throw conflict("cannot be forced", `image is being used by running container ${user.id.slice(0, 12)}`);
  if (!force && !hasSingleName(image)) throw conflict("must be forced", "image is referenced in multiple repositories");
  if (!force && user !== undefined) throw conflict("must be forced", `image is being used by stopped container ${user.id.slice(0, 12)}`);
  return { untag: [...image.tags, ...image.digests], deletes: true };
}

/** At most one tag, and no digest of another repository. */
function hasSingleName({ tags, digests }: StoredImage): boolean {
  const [first = digests[0], ...others] = tags;
  return others.length === 0 && digests.every((digest) => first === undefined || isSameRepository(digest, first));
}

function isSameRepository(a: Reference, b: Reference): boolean {
  return a.registry === b.registry && a.repository === b.repository;
}

/**
 * The record by ID, and what FROM lines fetched under the same names: a removed name means nothing any more.
 * With an index go its other platforms, unless they have names of their own.
 */
function baseRecords(store: Store, { id, record }: StoredImage, { untag, deletes }: RemovalDecision): readonly string[] {
  const prefixes = untag.map((name) => `${formatReference(name)}|`);
  const gone = new Set(untag.map(formatReference));
  const named = new Set(
    store.refs
      .claimed()
      .filter(({ name }) => !gone.has(name))
      .map((image) => image.record.id),
  );
  const goes = ({ name, record: other }: NamedImage): boolean => {
    if (other.id === id) return deletes || (chainRecordId(name) === undefined && prefixes.some((prefix) => name.startsWith(prefix)));
    return deletes && chainRecordId(name) !== undefined && other.target.digest === record.target.digest && !named.has(other.id);
  };
  return store.bases
    .claimed()
    .filter(goes)
    .map(({ name }) => name);
}

function inUse(message: string): TsbuildError {
  return new TsbuildError("IMAGE_IN_USE", message, {
    hint: message.includes("cannot be forced") ? "stop and remove the container first" : "--force removes it all the same",
  });
}

export function removalLines({ untagged, deleted }: RemovedImage): readonly string[] {
  return [...untagged.map((name) => `Untagged: ${familiarName(name)}`), ...deleted.map((digest) => `Deleted: ${digest}`)];
}
