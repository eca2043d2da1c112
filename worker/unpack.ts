/**
 * An image's layers as snapshots. Blobs are fetched side by side and each is unpacked by itself as soon as it is
 * there; a last pass in order makes of them what applying them one onto the other would have made.
 */
import { CleanupStack } from "../base/cleanup.js";
import { TsbuildError } from "../base/errors.js";
import type { Digest } from "../base/digest.js";
import type { EventSink } from "../base/events.js";
import type { ActiveSnapshot, SnapshotName } from "../cache/types.js";
import type { Store } from "../cache/store.js";
import { compressionOf } from "../image/media.js";
import { PULLED } from "./export/layers.js";
import type { Reference } from "../image/reference.js";
import type { RegistryClient } from "../image/registry/client.js";
import type { Descriptor, ImageConfigFile, Manifest } from "../image/types.js";
import { activePaths, commitWritten } from "./active.js";
import { chainOf, layerDescriptors } from "./image-chain.js";
import type { Pools } from "./pool.js";
import type { SettleTask, UnpackTask, UnpackedFacts } from "./tasks.js";

export interface PullLayersOptions {
  readonly store: Store;
  readonly pools: Pools;
  readonly events: EventSink;
  readonly vertex: Digest;
  readonly manifest: Manifest;
  readonly config: ImageConfigFile;
  /** Where blobs that aren't in the store come from; unset: nowhere. */
  readonly source: { readonly client: RegistryClient; readonly reference: Reference } | undefined;
  readonly signal: AbortSignal;
}

interface Layer {
  readonly descriptor: Descriptor;
  readonly diffId: Digest;
  readonly name: SnapshotName;
}

/** One process at a time unpacks an image; what is there already is kept. */
export async function pullLayers(options: PullLayersOptions): Promise<void> {
  const { store, manifest, config, signal } = options;
  const names = chainOf(config);
  const layers = layerDescriptors(manifest, config).map((descriptor, index): Layer => {
    const diffId = config.rootfs.diff_ids[index];
    const name = names[index];
    if (diffId === undefined || name === undefined) throw new Error("Internal error: a layer without a diffID");
    return { descriptor, diffId, name };
  });
  const top = layers.at(-1);
  if (top === undefined) return;
  await store.lease.hold(...names.map((name) => `snapshot/${name}`));
  await using _lock = await store.locks.acquire(`unpack/${layers[0]?.name ?? ""}`, { signal });
  const missing: Layer[] = [];
  for (const layer of layers) if (!(await store.snapshots.hasAll([layer.name]))) missing.push(layer);
  // A layer is unpacked relative to all below it: from the first that is missing on, everything is made again.
  const first = missing[0];
  if (first === undefined) return;
  const from = layers.indexOf(first);
  await unpackFrom(options, layers.slice(0, from), layers.slice(from));
}

async function unpackFrom(options: PullLayersOptions, present: readonly Layer[], wanted: readonly Layer[]): Promise<void> {
  const { store, pools, signal } = options;
  await using stack = new CleanupStack();
  const stop = new AbortController();
  const both = AbortSignal.any([signal, stop.signal]);
  const work = wanted.map((layer) => unpackOne(options, layer, stack, both));
  let unpacked: UnpackedLayer[];
  try {
    unpacked = await Promise.all(work);
  } catch (error) {
    stop.abort(error);
    await Promise.allSettled(work);
    throw error;
  }
  const parents: SettleTask["parents"] = present.map(({ name }) => ({
    listPath: store.snapshots.listPath(name),
    dir: store.snapshots.directory(name),
  }));
  const facts = await pools.run(
    { type: "settle", parents, layers: unpacked.map(({ task, result }) => ({ ...task, unpacked: result })) },
    { signal },
  );
  for (const [index, { active, layer }] of unpacked.entries()) {
    const settled = facts[index];
    if (settled === undefined) throw new Error("Internal error: a layer was not settled");
    await commitWritten(active, { ...settled, diffId: layer.diffId }, layer.name);
    await store.snapshots.annotate(layer.name, {
      blob: [compressionOf(layer.descriptor.mediaType), { ...layer.descriptor, annotations: { [PULLED]: "true" } }],
    });
  }
}

interface UnpackedLayer {
  readonly task: UnpackTask;
  readonly result: UnpackedFacts;
  readonly active: ActiveSnapshot;
  readonly layer: Layer;
}

async function unpackOne(options: PullLayersOptions, layer: Layer, stack: CleanupStack, signal: AbortSignal): Promise<UnpackedLayer> {
  const { store, pools } = options;
  await fetchLayer(options, layer, signal);
  const active: ActiveSnapshot = stack.use(await store.snapshots.prepare());
  const task: UnpackTask = {
    type: "unpack",
    blobPath: store.content.path(layer.descriptor.digest),
    mediaType: layer.descriptor.mediaType,
    expectedDiffId: layer.diffId,
    active: activePaths(active),
  };
  const result = await pools.run(task, { signal });
  return { task, result, active, layer };
}

async function requireBlob(store: Store, { digest, size }: Descriptor): Promise<void> {
  if ((await store.content.size(digest, size)) !== undefined) return;
  throw new TsbuildError("IMAGE_INCOMPLETE", `the layer ${digest} of the image is not in the store, and nothing may be fetched`, {
    hint: "leave --pull=never out, or fetch the image before with tsbuild pull",
  });
}

async function fetchLayer(options: PullLayersOptions, layer: Layer, signal: AbortSignal): Promise<void> {
  const { store, events, vertex, source } = options;
  const { digest, size } = layer.descriptor;
  await store.lease.hold(`blob/${digest}`);
  if (source === undefined) return await requireBlob(store, layer.descriptor);
  const { fetchBlob } = await import("../image/pull.js");
  const say = (current: number, isDone: boolean): void =>
    events({ type: "step-progress", vertex, id: digest, current, total: size, isDone, atMs: Date.now() });
  await fetchBlob({ ...source, store: store.content, descriptor: layer.descriptor, signal, onProgress: (bytes) => say(bytes, false) });
  say(size, true);
}
