/** Layers as others want them: diffIDs, and blobs in one compression or another. Each is made once. */
import type { Digest } from "../../base/digest.js";
import { TsbuildError } from "../../base/errors.js";
import type { Chain, SnapshotName } from "../../cache/types.js";
import type { Store } from "../../cache/store.js";
import { type Compression, compressionOf, layerMediaType } from "../../image/media.js";
import type { Descriptor } from "../../image/types.js";
import type { Pools } from "../pool.js";

export interface LayerWork {
  readonly store: Store;
  readonly pools: Pools;
  readonly signal: AbortSignal;
}

/** Digests of the layers' tars, bottom first; computed where they aren't known yet. */
export async function diffIdsOf(work: LayerWork, chain: Chain): Promise<readonly Digest[]> {
  return Promise.all(chain.map((name) => diffIdOf(work, name)));
}

async function diffIdOf({ store, pools, signal }: LayerWork, name: SnapshotName): Promise<Digest> {
  const meta = await store.snapshots.meta(name);
  if (meta.diffId !== undefined) return meta.diffId;
  const diffId = await pools.run(
    { type: "diff-id", dir: store.snapshots.directory(name), listPath: store.snapshots.listPath(name) },
    { signal },
  );
  await store.snapshots.annotate(name, { diffId });
  return diffId;
}

export interface BlobChoice {
  readonly compression: Compression;
  readonly level?: number | undefined;
  /** Pulled layers in another compression are made again instead of taken as they came. */
  readonly force: boolean;
  readonly ociMediaTypes: boolean;
  readonly timestampSec?: number | undefined;
}

/** Descriptors of blobs that are in the content store, bottom first. */
export async function layerBlobs(work: LayerWork, chain: Chain, choice: BlobChoice): Promise<readonly Descriptor[]> {
  return Promise.all(chain.map((name) => layerBlob(work, name, choice)));
}

async function layerBlob(work: LayerWork, name: SnapshotName, choice: BlobChoice): Promise<Descriptor> {
  const known = await knownBlob(work, name, choice);
  if (known !== undefined) return withMediaType(known, choice);
  await using _lock = await work.store.locks.acquire(`blob/${name}/${choice.compression}`, { signal: work.signal });
  const meanwhile = await knownBlob(work, name, choice);
  return withMediaType(meanwhile ?? (await makeBlob(work, name, choice)), choice);
}

/** A blob that fits and is there, whole by its size. */
async function knownBlob({ store }: LayerWork, name: SnapshotName, choice: BlobChoice): Promise<Descriptor | undefined> {
  if (choice.timestampSec !== undefined || choice.level !== undefined) return undefined;
  const { blobs } = await store.snapshots.meta(name);
  const fitting = choice.force ? [blobs[choice.compression]] : [blobs[choice.compression], blobs.gzip, blobs.zstd, blobs.none];
  for (const blob of fitting) {
    if (blob === undefined || (await store.content.size(blob.digest, blob.size)) === undefined) continue;
    if (blob === blobs[choice.compression] || isPulled(blob)) return blob;
  }
  return undefined;
}

/** Blobs of base layers carry the mark of where they came from: those are never made again unless forced. */
function isPulled(blob: Descriptor): boolean {
  return blob.annotations?.[PULLED] === "true";
}

export const PULLED = "dev.tsbuild.pulled";

async function makeBlob({ store, pools, signal }: LayerWork, name: SnapshotName, choice: BlobChoice): Promise<Descriptor> {
  const { compression, level, timestampSec } = choice;
  await using writer = await store.content.writer();
  const made = await pools.run(
    {
      type: "compress",
      dir: store.snapshots.directory(name),
      listPath: store.snapshots.listPath(name),
      destPath: writer.path,
      compression,
      level,
      timestampSec,
    },
    { signal },
  );
  await checkDiffId({ store, name, diffId: made.diffId, isRewritten: timestampSec !== undefined });
  await writer.commitAs(made.digest);
  const blob: Descriptor = { mediaType: layerMediaType(compression, true), digest: made.digest, size: made.size };
  if (timestampSec === undefined && level === undefined)
    await store.snapshots.annotate(name, { diffId: made.diffId, blob: [compression, blob] });
  return blob;
}

/** The same folder must give the same tar as before: if not, the snapshot was changed behind our back. */
async function checkDiffId(facts: { store: Store; name: SnapshotName; diffId: Digest; isRewritten: boolean }): Promise<void> {
  const { diffId } = await facts.store.snapshots.meta(facts.name);
  if (facts.isRewritten || diffId === undefined || diffId === facts.diffId) return;
  throw new TsbuildError("SNAPSHOT_CHANGED", `the layer ${facts.name} in the store is not what it was when it was made`, {
    hint: "something changed files below the store; remove the layer with `tsbuild prune --all` and build again",
  });
}

function withMediaType(blob: Descriptor, choice: BlobChoice): Descriptor {
  return { mediaType: layerMediaType(compressionOf(blob.mediaType), choice.ociMediaTypes), digest: blob.digest, size: blob.size };
}
