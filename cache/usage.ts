/** What takes how much room, as rows that add up to the whole store. */
import { lstatSync } from "node:fs";
import { planPrune } from "./prune-plan.js";
import type { Victim } from "./prune-plan.js";
import { allHolds, imageParts, union } from "./reachable.js";
import { isInUse } from "./claims.js";
import { chainRecordId } from "./chain-records.js";
import type { Store } from "./store.js";
import { readdirOrNone } from "./temp-space.js";
import { treeBytes } from "./tree-bytes.js";

export type UsageType =
  | "image"
  | "snapshot"
  | "blob"
  | "record"
  | "cache-mount"
  | "git-mirror"
  | "stat-cache"
  | "container"
  | "volume"
  | "log"
  | "temp";

export interface UsageRow {
  readonly type: UsageType;
  readonly count: number;
  /** How many of them a container or a living process uses; images only, 0 for the rest. */
  readonly active: number;
  readonly bytes: number;
  /** What `prune` with `all` would free. */
  readonly reclaimableBytes: number;
}

type Sizes = readonly (readonly [name: string, bytes: number])[];

/**
 * `image`: snapshots and blobs that images consist of, each counted once; `snapshot` and `blob`: the rest of them,
 * which is the build cache.
 */
export async function diskUsage(store: Store): Promise<readonly UsageRow[]> {
  const holds = allHolds(store);
  const images = new Map([...(await store.refs.list()), ...(await keptById(store))].map(({ record }) => [record.id, record]));
  const parts = await imageParts(store, [...images.values()]);
  const ofImages = union<string>(parts.snapshots, parts.blobs);
  const victims = await planPrune(store, { all: true });
  const gone = new Set(victims.map(victimKey));
  const row = (type: UsageType, sizes: Sizes, kinds: readonly Victim["kind"][]): UsageRow => {
    const freed = sizes.filter(([name]) => kinds.some((kind) => gone.has(`${kind} ${name}`)));
    return { type, count: sizes.length, active: 0, bytes: total(sizes), reclaimableBytes: total(freed) };
  };
  const { snapshots, blobs } = await sizesOf(store);
  const isOfImage = ([name]: readonly [string, number]): boolean => ofImages.has(name);
  const image = row("image", [...snapshots, ...blobs].filter(isOfImage), ["snapshot", "blob"]);
  return [
    { ...image, count: images.size, active: [...images.values()].filter((record) => isInUse(record, holds)).length },
    row(
      "snapshot",
      snapshots.filter((size) => !isOfImage(size)),
      ["snapshot"],
    ),
    row(
      "blob",
      blobs.filter((size) => !isOfImage(size)),
      ["blob"],
    ),
    recordRow(store, victims),
    row("cache-mount", entriesOf(store, "mounts"), ["cache-mount"]),
    row("git-mirror", entriesOf(store, "git"), ["git-mirror"]),
    row("stat-cache", entriesOf(store, "stat"), ["stat-cache"]),
    row("container", entriesOf(store, "containers"), []),
    row("volume", entriesOf(store, "volumes"), []),
    row("log", entriesOf(store, "builds"), []),
    row("temp", entriesOf(store, "tmp"), []),
  ];
}

async function keptById(store: Store): ReturnType<Store["bases"]["list"]> {
  return (await store.bases.list()).filter(({ name }) => chainRecordId(name) !== undefined);
}

function victimKey({ kind, name }: Victim): string {
  return `${kind} ${name}`;
}

/** All small records; names of images among them. */
function recordRow(store: Store, victims: readonly Victim[]): UsageRow {
  const bytes = total(["steps", "places", "refs", "bases"].flatMap((folder) => entriesOf(store, folder)));
  const reclaimableBytes = victims.reduce((sum, victim) => (victim.kind === "record" ? sum + victim.bytes : sum), 0);
  return { type: "record", count: [...store.steps.keys()].length, active: 0, bytes, reclaimableBytes };
}

function total(sizes: Sizes): number {
  return sizes.reduce((sum, [, bytes]) => sum + bytes, 0);
}

async function sizesOf(store: Store): Promise<{ readonly snapshots: Sizes; readonly blobs: Sizes }> {
  const snapshots: (readonly [string, number])[] = [];
  for (const name of await store.snapshots.list()) snapshots.push([name, (await store.snapshots.find(name))?.sizeBytes ?? 0]);
  const blobs: (readonly [string, number])[] = [];
  for await (const { digest, size } of store.content.list()) blobs.push([digest, size]);
  return { snapshots, blobs };
}

function entriesOf(store: Store, folder: string): Sizes {
  return readdirOrNone(store.path(folder)).map((name) => [name, entryBytes(store.path(folder, name))] as const);
}

function entryBytes(path: string): number {
  return (lstatSync(path, { throwIfNoEntry: false })?.blocks ?? 0) * 512 + treeBytes(path);
}
