/**
 * What must stay although no process is running: a stopped container needs its image. Said by a record
 * `holds` in the container's folder, in the words of leases: `snapshot/NAME`, `blob/DIGEST`, `image/ID`, `mount/ID`.
 */
import { join } from "node:path";
import { optionalStrings } from "../image/json-fields.js";
import { readRecord, writeRecord } from "./record-file.js";
import type { Store } from "./store.js";
import { readdirOrNone } from "./temp-space.js";

const NAME = "holds";

/** Keeps the things until the container's folder is removed. Replaces what was said before. */
export function writeContainerHolds(store: Store, containerId: string, things: readonly string[]): void {
  const path = store.path("containers", containerId, NAME);
  writeRecord(path, { things }, { stamp: store.durability.now(), temporary: store.temp.name() });
}

export function containerHolds(store: Store): ReadonlySet<string> {
  const held = new Set<string>();
  for (const id of readdirOrNone(store.path("containers"))) {
    const things = readRecord(join(store.path("containers"), id, NAME), (fields) => optionalStrings(fields, "things") ?? [])?.value ?? [];
    for (const thing of things) held.add(thing);
  }
  return held;
}
