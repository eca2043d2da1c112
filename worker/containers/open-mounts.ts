/** Makes what a container's mounts need on the host: folders for binds, volumes with the image's content. */
import { mkdirSync, statSync } from "node:fs";
import { TsbuildError, isErrno } from "../../base/errors.js";
import { unreachable } from "../../base/unreachable.js";
import type { Store } from "../../cache/store.js";
import type { ProcessMount } from "../../executor/types.js";
import type { NamedMount } from "./plan-mounts.js";
import type { MountRecord } from "./types.js";
import { openVolume } from "./volumes.js";

export interface MountWork {
  readonly store: Store;
  /** The mounted root, for what volumes are filled with. */
  readonly rootfs: string;
  readonly anonymous: ReadonlySet<string>;
  readonly signal: AbortSignal;
}

export interface OpenMount {
  readonly mount: ProcessMount;
  readonly record: MountRecord;
}

/** @throws {TsbuildError} MOUNT_SOURCE_MISSING, MOUNT_SOURCE_UNUSABLE */
export async function openMount(work: MountWork, request: NamedMount): Promise<OpenMount> {
  const { target } = request;
  switch (request.type) {
    case "bind": {
      const { source, readonly, propagation } = request;
      if (request.makesSource) makeSource(source);
      else requireSource(source);
      return { mount: { type: "bind", source, target, readonly, propagation }, record: { type: "bind", source, target, readonly } };
    }
    case "volume": {
      const { name, readonly } = request;
      const seed = request.copiesImage ? { rootfs: work.rootfs, path: target } : undefined;
      const source = await openVolume(work.store, {
        name,
        isAnonymous: work.anonymous.has(name),
        labels: request.labels,
        seed,
        signal: work.signal,
      });
      return { mount: { type: "bind", source, target, readonly }, record: { type: "volume", name, source, target, readonly } };
    }
    case "tmpfs": {
      const { sizeBytes, mode, options } = request;
      return { mount: { type: "tmpfs", target, sizeBytes, mode, options }, record: { type: "tmpfs", source: "", target, readonly: false } };
    }
    default:
      return unreachable(request);
  }
}

/** What is missing becomes a folder. */
function makeSource(source: string): void {
  if (statSync(source, { throwIfNoEntry: false }) !== undefined) return;
  try {
    mkdirSync(source, { recursive: true, mode: 0o755 });
  } catch (error) {
    throw new TsbuildError("MOUNT_SOURCE_UNUSABLE", `the folder ${source}, which is to be mounted, is missing and can't be made`, {
      cause: error,
    });
  }
}

function requireSource(source: string): void {
  try {
    statSync(source);
  } catch (error) {
    if (!isErrno(error, "ENOENT", "ENOTDIR", "ELOOP")) throw error;
    throw new TsbuildError("MOUNT_SOURCE_MISSING", `invalid mount config for type "bind": bind source path does not exist: ${source}`, {
      hint: "make it first; -v makes a missing folder by itself",
    });
  }
}
