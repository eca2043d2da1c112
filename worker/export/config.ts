/** The image config with what only building could tell: diffIDs and times. */
import type { Digest } from "../../base/digest.js";
import type { HistoryEntry, ImageConfigFile } from "../../image/types.js";

export interface FinishFacts {
  /** All layers, bottom first: the base's and the new ones. */
  readonly diffIds: readonly Digest[];
  /** When each new layer was made, milliseconds since 1970, bottom first. */
  readonly newLayerTimesMs: readonly number[];
  /** Set: every new time is this one (SOURCE_DATE_EPOCH), seconds. */
  readonly epochSec?: number | undefined;
  /** For an image without new layers. */
  readonly nowMs: number;
}

/**
 * Times come from the layers, so that a cached build gives the same config, byte for byte: an entry with a layer has that
 * layer's time, one without has the time of the layer before it, or after it where there is none before.
 */
export function finishConfig(image: ImageConfigFile, facts: FinishFacts): ImageConfigFile {
  const newLayers = facts.newLayerTimesMs.length;
  const entries = image.history;
  const firstNew = firstNewEntry(entries, newLayers);
  const history = entries.map((entry, index) => (index < firstNew ? entry : { ...entry, created: "" }));
  const times = facts.epochSec === undefined ? facts.newLayerTimesMs : facts.newLayerTimesMs.map(() => (facts.epochSec ?? 0) * 1000);
  const fallback = facts.epochSec === undefined ? (times[0] ?? facts.nowMs) : facts.epochSec * 1000;
  let last = fallback;
  let layer = 0;
  for (let index = firstNew; index < history.length; index++) {
    const entry = history[index];
    if (entry === undefined) continue;
    if (entry.empty_layer !== true) last = times[layer++] ?? last;
    history[index] = { ...entry, created: timeText(last) };
  }
  const isUnchanged = firstNew === entries.length && image.created !== undefined && facts.epochSec === undefined;
  return {
    ...image,
    created: isUnchanged ? image.created : timeText(last),
    rootfs: { type: "layers", diff_ids: facts.diffIds },
    history,
  };
}

/** RFC 3339; whole seconds without a fraction. */
function timeText(ms: number): string {
  return new Date(ms).toISOString().replace(".000Z", "Z");
}

/** New entries are those without a time; base images may lack times too, so layers are counted from the end. */
function firstNewEntry(entries: readonly HistoryEntry[], newLayers: number): number {
  let first = entries.length;
  let layers = 0;
  for (let index = entries.length - 1; index >= 0; index--) {
    const entry = entries[index];
    if (entry === undefined || entry.created !== undefined) break;
    if (entry.empty_layer !== true && ++layers > newLayers) break;
    first = index;
  }
  return first;
}
