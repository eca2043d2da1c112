/**
 * Which records of images stay, and what they claim. A name claims its image's snapshots and blobs; so does the record that
 * keeps an image by its ID. What a FROM fetched claims its documents alone: they save a request, its layers are build cache.
 */
import type { Digest } from "../base/digest.js";
import { chainRecordId } from "./chain-records.js";
import { namedBlobs } from "./image-check.js";
import type { NamedImage } from "./image-record.js";
import type { Reachable } from "./reachable.js";
import { heldParts, imageParts, union } from "./reachable.js";
import type { Store } from "./store.js";
import type { ImageRecord } from "./types.js";

/** True while a container or a living process works with the image. */
export function isInUse({ id }: ImageRecord, holds: ReadonlySet<string>): boolean {
  return holds.has(`image/${id}`) || holds.has(`blob/${id}`);
}

export interface BaseRecords {
  /** Images kept by ID: those that a name means too, also as one platform of several. */
  readonly named: readonly NamedImage[];
  /** Images kept by ID that have no name. */
  readonly untagged: readonly NamedImage[];
  /** What FROM lines fetched. */
  readonly fetched: readonly NamedImage[];
}

/** `ofNames`: the parts of the images that have names. */
export function sortBases(store: Store, ofNames: Reachable): BaseRecords {
  const all = store.bases.claimed();
  const byId = all.filter(({ name }) => chainRecordId(name) !== undefined);
  return {
    named: byId.filter(({ record }) => ofNames.blobs.has(record.id)),
    untagged: byId.filter(({ record }) => !ofNames.blobs.has(record.id)),
    fetched: all.filter(({ name }) => chainRecordId(name) === undefined),
  };
}

export interface Removal {
  /** Names in `Store.refs`. */
  readonly refs: ReadonlySet<string>;
  /** Names in `Store.bases`. */
  readonly bases: ReadonlySet<string>;
}

/** What is needed when the records of the removal are gone. */
export async function keptParts(store: Store, gone: Removal, holds: ReadonlySet<string>): Promise<Reachable> {
  const named = store.refs.claimed().filter(({ name }) => !gone.refs.has(name));
  const bases = store.bases.claimed().filter(({ name }) => !gone.bases.has(name));
  const byId = bases.filter(({ name }) => chainRecordId(name) !== undefined);
  const ofImages = await imageParts(
    store,
    [...named, ...byId].map(({ record }) => record),
  );
  const fetched = bases.filter(({ name }) => chainRecordId(name) === undefined);
  const held = heldParts(holds);
  return {
    snapshots: union(ofImages.snapshots, held.snapshots),
    blobs: union(ofImages.blobs, held.blobs, await documentsOf(store, fetched)),
  };
}

/** Index, manifest and config. */
async function documentsOf(store: Store, images: readonly NamedImage[]): Promise<ReadonlySet<Digest>> {
  const documents = new Set<Digest>();
  for (const { record } of images) {
    for (const digest of [record.id, record.manifest, record.target.digest]) documents.add(digest);
    // Indexes may be nested; layers are named by manifests alone, and those aren't read here.
    for (const digest of await namedBlobs(record.target.digest, store.content, new Set([record.manifest]))) documents.add(digest);
  }
  return documents;
}
