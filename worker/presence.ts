import type { Chain } from "../cache/types.js";
import type { Store } from "../cache/store.js";

/** Whether the whole chain is there. It is held before it is looked for: what is there stays there for this command. */
export async function holdChain(store: Store, chain: Chain): Promise<boolean> {
  await store.lease.hold(...chain.map((name) => `snapshot/${name}`));
  return store.snapshots.hasAll(chain);
}
