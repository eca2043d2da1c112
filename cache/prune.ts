/** Removes what nothing needs any more, while other processes go on using the store. */
import { closeSync, renameSync, rmSync } from "node:fs";
import { isErrno } from "../base/errors.js";
import { unreachable } from "../base/unreachable.js";
import { lockFile } from "./flock-file.js";
import type { PruneOptions, Victim } from "./prune-plan.js";
import { planPrune, planRemoval } from "./prune-plan.js";
import { allHolds, union } from "./reachable.js";
import { keptParts } from "./claims.js";
import type { Removal } from "./claims.js";
import type { Store } from "./store.js";
import { readdirOrNone, sweepTemp } from "./temp-space.js";

export type { PruneOptions, Victim } from "./prune-plan.js";

export interface PruneResult {
  readonly removed: readonly Victim[];
  readonly reclaimedBytes: number;
}

/**
 * Without `all`: images that have lost their last name, snapshots and blobs that no other image, container or living process
 * needs, and the step records that name them. Volumes and the build history are never touched.
 */
export async function prune(store: Store, options: PruneOptions = {}): Promise<PruneResult> {
  // A name that moved may fall back to its former image until this.
  await store.sync();
  const planned = await planPrune(store, options);
  const removed = options.dryRun === true ? planned : await execute(store, planned);
  if (options.all === true && options.dryRun !== true) store.steps.forgetEmptyPlaces();
  return resultOf(removed);
}

/** Removes names and records of images, and what of their layers and documents nothing else needs. */
export async function removeImages(store: Store, removal: Removal): Promise<PruneResult> {
  return resultOf(await execute(store, await planRemoval(store, removal)));
}

function resultOf(removed: readonly Victim[]): PruneResult {
  return { removed, reclaimedBytes: removed.reduce((sum, { bytes }) => sum + bytes, 0) };
}

/** What somebody has taken hold of since the plan was made stays. Out of sight at once, removed afterwards. */
async function execute(store: Store, planned: readonly Victim[]): Promise<readonly Victim[]> {
  const hidden: string[] = [];
  const removed: Victim[] = [];
  store.lease.ensure();
  const gate = await lockFile(store.kernel, store.leasePlace.gate, { mode: "exclusive" });
  try {
    const holds = allHolds(store);
    const kept = await keptNow(store, planned, holds);
    for (const victim of planned) {
      if (holds.has(`${wordFor(victim)}/${victim.name}`) || kept.has(victim)) continue;
      if (victim.kind === "git-mirror" && !(await hideMirror(store, victim.name, hidden))) continue;
      await hide(store, victim, hidden);
      removed.push(victim);
    }
  } finally {
    closeSync(gate);
  }
  for (const path of hidden) store.temp.remove(path);
  sweepAbandoned(store);
  return removed;
}

/**
 * Victims that a build which has ended since the plan was made has given a name: it holds nothing any more, and its image
 * must be whole.
 */
async function keptNow(store: Store, planned: readonly Victim[], holds: ReadonlySet<string>): Promise<ReadonlySet<Victim>> {
  const current = { image: store.refs.claimed(), base: store.bases.claimed() };
  const isMoved = (victim: Victim): boolean => {
    // a name may have a former image beside its own one: both are planned for
    const records =
      victim.kind === "image" || victim.kind === "base" ? current[victim.kind].filter(({ name }) => name === victim.name) : [];
    return records.length > 0 && records.every(({ record }) => !("id" in victim) || record.id !== victim.id);
  };
  const moved = new Set(planned.filter(isMoved));
  const going = (kind: Victim["kind"]): Set<string> =>
    new Set(planned.filter((victim) => victim.kind === kind && !moved.has(victim)).map(({ name }) => name));
  const { snapshots, blobs } = await keptParts(store, { refs: going("image"), bases: going("base") }, holds);
  const needed = union<string>(snapshots, blobs);
  const parts = planned.filter(({ kind, name }) => (kind === "snapshot" || kind === "blob") && needed.has(name));
  return new Set([...moved, ...parts]);
}

function wordFor(victim: Victim): string {
  return victim.kind === "cache-mount" ? "mount" : victim.kind;
}

async function hide(store: Store, victim: Victim, hidden: string[]): Promise<void> {
  switch (victim.kind) {
    case "image":
      await store.refs.delete(victim.name);
      return;
    case "base":
      await store.bases.delete(victim.name);
      return;
    case "snapshot":
      hidden.push(...[store.snapshots.hide(victim.name)].filter((path) => path !== undefined));
      return;
    case "blob":
      return store.content.delete(victim.name);
    case "record":
      for (const path of store.steps.pathsOf(victim.name)) rmSync(path, { force: true });
      return;
    case "cache-mount":
      hidden.push(...moveAway(store, store.path("mounts", victim.name)));
      return;
    case "git-mirror":
      // hidden already, under its lock
      return;
    case "stat-cache":
      rmSync(store.path("stat", victim.name), { force: true });
      return;
    default:
      unreachable(victim);
  }
}

function moveAway(store: Store, path: string): readonly string[] {
  const hidden = store.temp.name();
  try {
    renameSync(path, hidden);
    return [hidden];
  } catch (error) {
    if (isErrno(error, "ENOENT")) return [];
    throw error;
  }
}

/** A power cut can take a lease and leave its temporary files, which nobody would look for otherwise. */
function sweepAbandoned(store: Store): void {
  // The names first: a lease is there before its first temporary file and goes after its last.
  const temporary = new Set(readdirOrNone(store.path("tmp")).map((name) => name.split("-")[0] ?? ""));
  const leases = new Set(readdirOrNone(store.leasePlace.dir));
  sweepTemp(store.path("tmp"), store.kernel, (id) => temporary.has(id) && !leases.has(id));
}

/** False for one that somebody fetches into: it stays. */
async function hideMirror(store: Store, name: string, hidden: string[]): Promise<boolean> {
  await using lock = await store.locks.tryAcquire(`git/${name}`);
  if (lock === undefined) return false;
  hidden.push(...moveAway(store, store.path("git", name)));
  return true;
}
