import type { Digest } from "../base/digest.js";
import { type Vertex, topological } from "../llb/graph.js";

/** For each vertex the number of steps on the longest way from it to a root: what starts first ends the build first. */
export function criticalPath(roots: readonly Vertex[]): ReadonlyMap<Digest, number> {
  const ordered = topological(roots);
  const length = new Map<Digest, number>(ordered.map((vertex) => [vertex.digest, 0]));
  for (const vertex of ordered.toReversed()) {
    const own = (length.get(vertex.digest) ?? 0) + (vertex.op.kind === "exec" ? 2 : 1);
    for (const input of vertex.inputs) length.set(input.digest, Math.max(length.get(input.digest) ?? 0, own));
  }
  return length;
}
