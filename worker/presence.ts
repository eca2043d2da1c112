import type { Chain, SnapshotName } from "../cache/types.js";
import type { Store } from "../cache/store.js";

/** Whether the whole chain is there. It is held before it is looked for: what is there stays there for this command. */
export async function holdChain(store: Store, chain: Chain): Promise<boolean> {
  await store.lease.hold(...chain.map((name) => `snapshot/${name}`));
  return store.snapshots.hasAll(chain);
}

/** The same for the chains of one build, which share most of their snapshots: each is looked for until it is found. */
export class HeldChains {
  readonly #store: Store;
  readonly #found = new Set<SnapshotName>();

  constructor(store: Store) {
    this.#store = store;
  }

  async hasAll(chain: Chain): Promise<boolean> {
    const unknown = chain.filter((name) => !this.#found.has(name));
    if (unknown.length > 0 && !(await holdChain(this.#store, unknown))) return false;
    for (const name of unknown) this.#found.add(name);
    return true;
  }
}
