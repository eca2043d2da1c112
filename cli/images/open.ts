/** The store and what works on it, for a command that moves images. */
import { CleanupStack } from "../../base/cleanup.js";
import type { EventSink } from "../../base/events.js";
import { openStore } from "../../worker/open-store.js";
import { Pools } from "../../worker/pool.js";
import { LazyRegistry } from "../../worker/registry.js";
import type { ImageWork } from "../../worker/store-commands/work.js";
import type { CommandContext } from "../context.js";

export interface WorkOptions {
  readonly events: EventSink;
  readonly insecureRegistries: readonly string[];
}

/** Opens, works, and closes all again when the work is done or has failed. */
export async function withImageWork<T>(
  { root, signal }: Pick<CommandContext, "root" | "signal">,
  { events, insecureRegistries }: WorkOptions,
  perform: (work: ImageWork, registry: LazyRegistry) => Promise<T>,
): Promise<T> {
  await using stack = new CleanupStack();
  const store = stack.use(await openStore(root));
  const pools = stack.use(new Pools(1));
  const registry = stack.use(new LazyRegistry(insecureRegistries));
  return await perform({ store, pools, events, signal }, registry);
}
