/** Mounts that a task makes and takes down again. */
import { chmodSync, chownSync, mkdtempSync, rmdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Kernel } from "../../sys/types.js";
import type { ActivePaths } from "../tasks.js";

/** The tree with the snapshot on top, writable, at the snapshot's mountpoint. Disposing unmounts. */
export function mountActive(kernel: Kernel, lowers: readonly string[], active: ActivePaths): Disposable {
  inheritRoot(lowers[0], active.fs);
  kernel.mountOverlay({ lowers, upper: active.fs, work: active.work, target: active.mountpoint });
  return { [Symbol.dispose]: () => kernel.umount(active.mountpoint, { detach: true }) };
}

/** The root folder of an overlay is that of its upper: it has to look like the one below. */
function inheritRoot(lower: string | undefined, upper: string): void {
  if (lower === undefined) return;
  const { mode, uid, gid } = statSync(lower);
  chownSync(upper, uid, gid);
  chmodSync(upper, mode & 0o7777);
}

export interface MountedTree extends Disposable {
  readonly path: string;
}

/** A read-only view of layers below a new folder beside the snapshot. An empty list is an empty folder. */
export function mountView(kernel: Kernel, lowers: readonly string[], active: ActivePaths): MountedTree {
  const path = mkdtempSync(join(dirname(active.fs), "view-"));
  if (lowers.length > 0) kernel.mountOverlay({ lowers, target: path });
  return {
    path,
    [Symbol.dispose]: () => {
      if (lowers.length > 0) kernel.umount(path, { detach: true });
      rmdirSync(path);
    },
  };
}
