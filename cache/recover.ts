/** Cleans up after processes that died: what their leases say they owned, and their temporary files. */
import type { Json } from "../base/digest.js";
import { unreachable } from "../base/unreachable.js";
import type { DeadLease, LeasePlace } from "./leases.js";
import { deadLeases } from "./leases.js";
import { sweepTemp } from "./temp-space.js";
import type { OwnedResource } from "./types.js";

/** Given by the caller, who knows cgroups and networks. What is gone already is success. */
export interface RecoveryHandlers {
  removePath(path: string): void | Promise<void>;
  removeCgroup(name: string): void | Promise<void>;
  removeNetwork(id: string, details: Json): void | Promise<void>;
  removeContainer(id: string): void | Promise<void>;
}

export interface Recovery {
  /** How many dead leases were found. */
  readonly deadLeases: number;
  readonly removed: readonly OwnedResource[];
  /** Left for the next time, with their lease. */
  readonly failures: readonly { readonly resource: OwnedResource; readonly error: unknown }[];
}

export interface RecoveryPlace extends LeasePlace {
  readonly tempDir: string;
  readonly ownLeaseId: string;
}

/** One directory read when nothing died. Resources go in the reverse order of their making. */
export async function recover(place: RecoveryPlace, handlers: RecoveryHandlers): Promise<Recovery> {
  const removed: OwnedResource[] = [];
  const failures: { resource: OwnedResource; error: unknown }[] = [];
  let count = 0;
  for (const lease of deadLeases(place, place.ownLeaseId)) {
    count++;
    const failed = await removeOwned(lease, handlers, removed);
    sweepTemp(place.tempDir, place.kernel, (id) => id === lease.id);
    if (failed.length === 0) lease.finish();
    failures.push(...failed);
  }
  return { deadLeases: count, removed, failures };
}

async function removeOwned(
  lease: DeadLease,
  handlers: RecoveryHandlers,
  removed: OwnedResource[],
): Promise<{ resource: OwnedResource; error: unknown }[]> {
  const failures: { resource: OwnedResource; error: unknown }[] = [];
  for (const resource of lease.owned.toReversed()) {
    try {
      await remove(resource, handlers);
      removed.push(resource);
    } catch (error) {
      failures.push({ resource, error });
    }
  }
  return failures;
}

function remove(resource: OwnedResource, handlers: RecoveryHandlers): void | Promise<void> {
  switch (resource.type) {
    case "path":
      return handlers.removePath(resource.path);
    case "cgroup":
      return handlers.removeCgroup(resource.name);
    case "network":
      return handlers.removeNetwork(resource.id, resource.details);
    case "container":
      return handlers.removeContainer(resource.id);
    default:
      return unreachable(resource);
  }
}
