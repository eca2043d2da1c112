/** What the commands that move images need. */
import type { EventSink } from "../../base/events.js";
import type { Store } from "../../cache/store.js";
import type { Pools } from "../pool.js";

export interface ImageWork {
  readonly store: Store;
  readonly pools: Pools;
  /** Told of layers that come and go, as progress of steps. */
  readonly events: EventSink;
  readonly signal: AbortSignal;
}
