/**
 * Mount points that the root doesn't have. They are put into a layer of their own below all others, so that the
 * runtime finds them and nothing has to be made in the snapshot, or removed from it afterwards.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Kernel } from "../../sys/types.js";
import { Tree } from "../files/tree.js";
import { resolveInTree } from "./resolve-in-tree.js";

export interface MountPoint {
  /** Absolute in the root. */
  readonly target: string;
  readonly isFile: boolean;
}

/** What the runtime mounts in every container. */
const ALWAYS: readonly MountPoint[] = [
  { target: "/proc", isFile: false },
  { target: "/sys", isFile: false },
  { target: "/dev", isFile: false },
];

/** Fills `stubDir` with what is missing in the tree at `root` (unset: an empty tree). True when anything was. */
export function makeStubs(kernel: Kernel, root: string | undefined, points: readonly MountPoint[], stubDir: string): boolean {
  using tree = root === undefined ? undefined : new Tree(kernel, root);
  let hasMade = false;
  for (const { target, isFile } of [...ALWAYS, ...points]) {
    const path = tree === undefined ? target.replace(/^\/+/, "") : resolveInTree(tree, target);
    if (path === "" || tree?.lstat(path) !== undefined || isBelowMount(path)) continue;
    const place = join(stubDir, path);
    mkdirSync(isFile ? dirname(place) : place, { recursive: true, mode: 0o755 });
    if (isFile) writeFileSync(place, "", { flag: "a", mode: 0o644 });
    hasMade = true;
  }
  return hasMade;
}

/** Below these the runtime mounts filesystems of its own: what the root has there is never seen. */
function isBelowMount(path: string): boolean {
  return /^(proc|sys|dev)\//.test(path);
}
