/** Decides what a prune removes. Nothing is removed here. */
import { lstatSync } from "node:fs";
import type { Digest } from "../base/digest.js";
import { isInUse, keptParts, sortBases } from "./claims.js";
import type { Removal } from "./claims.js";
import { allHolds, imageParts, layerBlobs, union } from "./reachable.js";
import type { Store } from "./store.js";
import { readdirOrNone } from "./temp-space.js";
import { treeBytes } from "./tree-bytes.js";
import type { SnapshotName, StepKey } from "./types.js";

export interface PruneOptions {
  /** Also named images that no container uses, all step records, what is known of base images, cache mounts and stat caches. */
  readonly all?: boolean | undefined;
  /** Only what was not used since then, in milliseconds since 1970. */
  readonly untilMs?: number | undefined;
  /** Stop when snapshots and blobs together take no more than this; the longest unused go first. */
  readonly keepBytes?: number | undefined;
  /** Only say what would go. */
  readonly dryRun?: boolean | undefined;
}

export type Victim =
  /** A name of an image. */
  | { readonly kind: "image"; readonly name: string; readonly id: Digest; readonly bytes: 0 }
  /** A record in `Store.bases`: an image kept by its ID, or what a FROM fetched. */
  | { readonly kind: "base"; readonly name: string; readonly id: Digest; readonly bytes: 0 }
  | { readonly kind: "snapshot"; readonly name: SnapshotName; readonly bytes: number }
  | { readonly kind: "blob"; readonly name: Digest; readonly bytes: number }
  | { readonly kind: "record"; readonly name: StepKey; readonly bytes: number }
  | { readonly kind: "cache-mount" | "stat-cache" | "git-mirror"; readonly name: string; readonly bytes: number };

export async function planPrune(store: Store, options: PruneOptions): Promise<readonly Victim[]> {
  const holds = allHolds(store);
  const images = await victimImages(store, options, holds);
  const bases = await victimBases(store, options, { holds, goneRefs: namesOf(images) });
  const kept = await keptParts(store, { refs: namesOf(images), bases: namesOf(bases) }, holds);
  const budget = await excessBytes(store, options);
  const snapshots = await victimSnapshots(store, options, { kept: kept.snapshots, budget });
  const gone = namesOf(snapshots);
  const freed = snapshots.reduce((sum, { bytes }) => sum + bytes, 0);
  const blobs = await victimBlobs(store, options, { kept: kept.blobs, gone, budget: budget - freed });
  return [
    ...images,
    ...bases,
    ...snapshots,
    ...blobs,
    ...(await victimRecords(store, options, gone)),
    ...(options.all === true ? otherVictims(store, options, holds) : []),
  ];
}

/**
 * The records of the removal and what only they needed. Layers that a step record can still use stay: they are build cache,
 * which `planPrune` takes.
 */
export async function planRemoval(store: Store, removal: Removal): Promise<readonly Victim[]> {
  const refs = store.refs.claimed().filter(({ name }) => removal.refs.has(name));
  const bases = store.bases.claimed().filter(({ name }) => removal.bases.has(name));
  const candidates = await imageParts(
    store,
    [...refs, ...bases].map(({ record }) => record),
  );
  const kept = await keptParts(store, removal, allHolds(store));
  const needed = union(kept.snapshots, stepSnapshots(store));
  const snapshots: SnapshotVictim[] = [];
  for (const name of candidates.snapshots) {
    const meta = needed.has(name) ? undefined : await store.snapshots.find(name);
    if (meta !== undefined) snapshots.push({ kind: "snapshot", name, bytes: meta.sizeBytes });
  }
  const gone = namesOf(snapshots);
  const blobs = await victimBlobs(store, {}, { kept: kept.blobs, gone, budget: Number.POSITIVE_INFINITY });
  const ofThem = union(candidates.blobs, await layerBlobs(store, gone));
  return [
    ...refs.map(({ name, record }) => ({ kind: "image", name, id: record.id, bytes: 0 }) as const),
    ...bases.map(({ name, record }) => ({ kind: "base", name, id: record.id, bytes: 0 }) as const),
    ...snapshots,
    ...blobs.filter(({ name }) => ofThem.has(name)),
  ];
}

function stepSnapshots(store: Store): Set<SnapshotName> {
  const needed = new Set<SnapshotName>();
  for (const key of store.steps.keys()) for (const name of store.steps.peek(key)?.chain ?? []) needed.add(name);
  return needed;
}

function namesOf<T extends string>(victims: readonly { readonly name: T }[]): Set<T> {
  return new Set(victims.map(({ name }) => name));
}

type RecordVictim = Extract<Victim, { kind: "image" | "base" }>;

async function victimImages(store: Store, { all, untilMs }: PruneOptions, holds: ReadonlySet<string>): Promise<RecordVictim[]> {
  if (all !== true) return [];
  const images = await store.refs.list();
  const unused = images.filter(({ record }) => !isInUse(record, holds) && isOlder(record.createdAtMs, untilMs));
  return unused.map(({ name, record }) => ({ kind: "image", name, id: record.id, bytes: 0 }));
}

interface BaseLimits {
  readonly holds: ReadonlySet<string>;
  readonly goneRefs: ReadonlySet<string>;
}

/** Images that have lost their last name always, unless a container or process uses them. */
async function victimBases(store: Store, { all, untilMs }: PruneOptions, { holds, goneRefs }: BaseLimits): Promise<RecordVictim[]> {
  const named = store.refs.claimed().filter(({ name }) => !goneRefs.has(name));
  const { untagged, fetched } = sortBases(
    store,
    await imageParts(
      store,
      named.map(({ record }) => record),
    ),
  );
  const unused = [...untagged.filter(({ record }) => !isInUse(record, holds)), ...(all === true ? fetched : [])];
  return unused
    .filter(({ record }) => isOlder(record.createdAtMs, untilMs))
    .map(({ name, record }) => ({ kind: "base", name, id: record.id, bytes: 0 }));
}

function isOlder(timeMs: number, untilMs: number | undefined): boolean {
  return untilMs === undefined || timeMs < untilMs;
}

/** How many bytes have to go; without a limit, all that can. */
async function excessBytes(store: Store, { keepBytes }: PruneOptions): Promise<number> {
  if (keepBytes === undefined) return Number.POSITIVE_INFINITY;
  let total = 0;
  for (const name of await store.snapshots.list()) total += (await store.snapshots.find(name))?.sizeBytes ?? 0;
  for await (const { size } of store.content.list()) total += size;
  return total - keepBytes;
}

type SnapshotVictim = Extract<Victim, { kind: "snapshot" }>;

async function victimSnapshots(
  store: Store,
  { untilMs }: PruneOptions,
  { kept, budget }: { readonly kept: ReadonlySet<SnapshotName>; readonly budget: number },
): Promise<SnapshotVictim[]> {
  const unneeded: (SnapshotVictim & { readonly usedMs: number })[] = [];
  for (const name of await store.snapshots.list()) {
    const usedMs = store.snapshots.lastUsedMs(name) ?? 0;
    if (kept.has(name) || !isOlder(usedMs, untilMs)) continue;
    unneeded.push({ kind: "snapshot", name, bytes: (await store.snapshots.find(name))?.sizeBytes ?? 0, usedMs });
  }
  unneeded.sort((a, b) => a.usedMs - b.usedMs);
  return within(budget, unneeded).map(({ kind, name, bytes }) => ({ kind, name, bytes }));
}

/** The first ones, until `budget` bytes are reached. */
function within<T extends { readonly bytes: number }>(budget: number, items: readonly T[]): readonly T[] {
  const taken: T[] = [];
  let bytes = 0;
  for (const item of items) {
    if (bytes >= budget) break;
    taken.push(item);
    bytes += item.bytes;
  }
  return taken;
}

interface BlobLimits {
  readonly kept: ReadonlySet<Digest>;
  readonly gone: ReadonlySet<SnapshotName>;
  readonly budget: number;
}

type BlobVictim = Extract<Victim, { kind: "blob" }>;

/** Those that no record claims and no layer that stays was made from or packed into. */
async function victimBlobs(store: Store, { untilMs }: PruneOptions, { kept, gone, budget }: BlobLimits): Promise<readonly BlobVictim[]> {
  const staying = (await store.snapshots.list()).filter((name) => !gone.has(name));
  const needed = union(kept, await layerBlobs(store, staying));
  const unneeded: BlobVictim[] = [];
  for await (const { digest, size } of store.content.list()) {
    if (needed.has(digest)) continue;
    const writtenMs = lstatSync(store.content.path(digest), { throwIfNoEntry: false })?.mtimeMs ?? 0;
    if (isOlder(writtenMs, untilMs)) unneeded.push({ kind: "blob", name: digest, bytes: size });
  }
  return within(budget, unneeded);
}

async function victimRecords(
  store: Store,
  { all, untilMs, keepBytes }: PruneOptions,
  gone: ReadonlySet<SnapshotName>,
): Promise<readonly Victim[]> {
  const present = new Set((await store.snapshots.list()).filter((name) => !gone.has(name)));
  const victims: Victim[] = [];
  for (const key of store.steps.keys()) {
    const record = store.steps.peek(key);
    const isUseless = record === undefined || record.chain.some((name) => !present.has(name));
    if (!isUseless && (all !== true || keepBytes !== undefined)) continue;
    if (record === undefined || isOlder(record.createdAtMs, untilMs))
      victims.push({ kind: "record", name: key, bytes: bytesOf(store.steps.pathsOf(key)) });
  }
  return victims;
}

/** Small files take whole blocks. */
function bytesOf(paths: readonly string[]): number {
  return paths.reduce((sum, path) => sum + (lstatSync(path, { throwIfNoEntry: false })?.blocks ?? 0) * 512, 0);
}

function otherVictims(store: Store, { untilMs }: PruneOptions, holds: ReadonlySet<string>): readonly Victim[] {
  const isOld = (path: string): boolean => isOlder(lstatSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0, untilMs);
  const mounts = readdirOrNone(store.path("mounts")).filter((name) => !holds.has(`mount/${name}`) && isOld(store.path("mounts", name)));
  const stats = readdirOrNone(store.path("stat")).filter((name) => isOld(store.path("stat", name)));
  const mirrors = readdirOrNone(store.path("git")).filter((name) => isOld(store.path("git", name)));
  return [
    ...mirrors.map((name) => ({ kind: "git-mirror" as const, name, bytes: treeBytes(store.path("git", name)) })),
    ...mounts.map((name) => ({ kind: "cache-mount" as const, name, bytes: treeBytes(store.path("mounts", name)) })),
    ...stats.map((name) => ({ kind: "stat-cache" as const, name, bytes: bytesOf([store.path("stat", name)]) })),
  ];
}
