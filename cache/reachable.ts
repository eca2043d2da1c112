/** What in the store is needed by images, containers and living processes. */
import type { Digest } from "../base/digest.js";
import { isDigest } from "../base/digest.js";
import { containerHolds } from "./holds.js";
import { namedBlobs } from "./image-check.js";
import { heldThings } from "./leases.js";
import { isSnapshotName } from "./snapshot-meta.js";
import type { Store } from "./store.js";
import type { ImageRecord, SnapshotName } from "./types.js";

export interface Reachable {
  readonly snapshots: Set<SnapshotName>;
  readonly blobs: Set<Digest>;
}

/** All words of leases and containers. */
export function allHolds(store: Store): ReadonlySet<string> {
  return new Set([...heldThings(store.leasePlace), ...containerHolds(store)]);
}

/** Snapshots and blobs that are held by name. */
export function heldParts(holds: ReadonlySet<string>): Reachable {
  const snapshots = new Set<SnapshotName>();
  const blobs = new Set<Digest>();
  for (const thing of holds) {
    const name = thing.slice(thing.indexOf("/") + 1);
    if (thing.startsWith("snapshot/") && isSnapshotName(name)) snapshots.add(name);
    if (thing.startsWith("blob/") && isDigest(name)) blobs.add(name);
  }
  return { snapshots, blobs };
}

/** What the images consist of, as far as the store knows. */
export async function imageParts(store: Store, images: readonly ImageRecord[]): Promise<Reachable> {
  const snapshots = new Set<SnapshotName>();
  const blobs = new Set<Digest>();
  for (const image of images) {
    for (const name of image.chain ?? []) snapshots.add(name);
    blobs.add(image.id);
    for (const root of [image.target.digest, image.manifest]) for (const digest of await namedBlobs(root, store.content)) blobs.add(digest);
  }
  return { snapshots, blobs };
}

/** The layer blobs that snapshots are known to have. */
export async function layerBlobs(store: Store, snapshots: Iterable<SnapshotName>): Promise<ReadonlySet<Digest>> {
  const blobs = new Set<Digest>();
  for (const name of snapshots) {
    for (const blob of Object.values((await store.snapshots.find(name))?.blobs ?? {})) if (blob !== undefined) blobs.add(blob.digest);
  }
  return blobs;
}

export function union<T>(...sets: readonly ReadonlySet<T>[]): Set<T> {
  return new Set(sets.flatMap((set) => [...set]));
}
