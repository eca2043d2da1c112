/** The store as a command opens it: what dead processes left behind is removed first. */
import { rmSync } from "node:fs";
import { Store } from "../cache/store.js";
import { loadKernel } from "../sys/kernel.js";

/** Quick when nobody died: one folder is listed. */
export async function openStore(root: string): Promise<Store> {
  const store = await Store.open(root, loadKernel());
  const { deadLeases } = await store.recover({
    removePath: async (path) => rmSync(path, { recursive: true, force: true }),
    removeCgroup: async (name) => (await import("../executor/cgroup-removal.js")).removeCgroup(name),
    removeNetwork: async (_id, details) => (await import("./networks.js")).removeRemains(details),
    removeContainer: async (id) => (await import("./containers/remove.js")).recoverContainer(store, id),
  });
  if (deadLeases > 0) await (await import("./networks.js")).closeAbandonedOpenings();
  return store;
}
