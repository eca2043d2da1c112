/** Work of the exporter, told as a step of its own. */
import { sha256Digest } from "../../base/digest.js";
import { messageOf } from "../../base/errors.js";
import type { EventSink } from "../../base/events.js";

export async function reportStep<T>(events: EventSink, name: string, work: () => Promise<T>): Promise<T> {
  const vertex = sha256Digest(`export ${name}`);
  events({ type: "step-known", vertex, name, inputs: [], isInternal: true });
  events({ type: "step-started", vertex, atMs: Date.now() });
  try {
    const result = await work();
    events({ type: "step-ended", vertex, outcome: "RAN", atMs: Date.now() });
    return result;
  } catch (error) {
    events({ type: "step-ended", vertex, outcome: "FAILED", atMs: Date.now(), error: messageOf(error) });
    throw error;
  }
}
