/** Between the store's active snapshots and the threads that write them. */
import { join } from "node:path";
import type { ActiveSnapshot, SnapshotName } from "../cache/types.js";
import type { ActivePaths, CommittedFacts } from "./tasks.js";

export function activePaths(active: ActiveSnapshot): ActivePaths {
  return { fs: active.fs, work: active.work, mountpoint: active.mountpoint, listPath: join(active.fs, "..", "files.new") };
}

/** Commits what a thread wrote, under a name of its own unless one is given. */
export function commitWritten(active: ActiveSnapshot, facts: CommittedFacts, name?: SnapshotName): Promise<SnapshotName> {
  return active.commit({
    ...(name === undefined ? {} : { name }),
    files: { encodedAt: activePaths(active).listPath },
    isEmpty: facts.isEmpty,
    sizeBytes: facts.sizeBytes,
    ...(facts.diffId === undefined ? {} : { diffId: facts.diffId }),
  });
}
