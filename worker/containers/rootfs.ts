/** A container's root: the image's layers below a folder of its own. */
import { mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Store } from "../../cache/store.js";
import type { Chain } from "../../cache/types.js";
import type { ActivePaths } from "../tasks.js";
import { mountActive, mountView } from "../thread/mounts.js";
import type { MountPoint } from "../thread/stubs.js";
import { makeStubs } from "../thread/stubs.js";
import type { NamedMount } from "./plan-mounts.js";

export interface Rootfs extends Disposable {
  readonly path: string;
}

export interface RootfsRequest {
  /** The container's, with `fs`, `work` and `root` in it. */
  readonly folder: string;
  readonly chain: Chain;
  /** Of the user and the image. */
  readonly mounts: readonly NamedMount[];
}

const ETC_FILES: readonly MountPoint[] = ["hostname", "hosts", "resolv.conf"].map((name) => ({ target: `/etc/${name}`, isFile: true }));

/**
 * Mounted until it is disposed. Mount points that the image lacks lie in a layer below it, so that the container's own
 * folder has nothing but what the container wrote.
 */
export async function mountRootfs(store: Store, { folder, chain, mounts }: RootfsRequest): Promise<Rootfs> {
  const { kernel } = store;
  const active: ActivePaths = { fs: join(folder, "fs"), work: join(folder, "work"), mountpoint: join(folder, "root"), listPath: "" };
  const lowers = await store.snapshots.lowers(chain);
  const points = [...ETC_FILES, ...mounts.map((mount) => ({ target: mount.target, isFile: isFile(mount) }))];
  const mounted = mountActive(kernel, [...lowers, ...stubLayer(store, { lowers, active, points, stubs: join(folder, "stubs") })], active);
  return { path: active.mountpoint, [Symbol.dispose]: () => mounted[Symbol.dispose]() };
}

function isFile(mount: NamedMount): boolean {
  return mount.type === "bind" && statSync(mount.source, { throwIfNoEntry: false })?.isDirectory() === false;
}

interface StubRequest {
  readonly lowers: readonly string[];
  readonly active: ActivePaths;
  readonly points: readonly MountPoint[];
  readonly stubs: string;
}

function stubLayer({ kernel }: Store, { lowers, active, points, stubs }: StubRequest): readonly string[] {
  mkdirSync(stubs, { recursive: true, mode: 0o755 });
  if (lowers.length === 0) return makeStubs(kernel, undefined, points, stubs) ? [stubs] : [];
  using view = mountView(kernel, lowers, active);
  return makeStubs(kernel, view.path, points, stubs) ? [stubs] : [];
}
