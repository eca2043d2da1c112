import type { Graph, Vertex, VertexMeta } from "../../llb/graph.js";

/** A tree with nothing in it. It is no layer and has no history entry, also where a stage stands on it. */
export function emptyTree(graph: Graph, meta: VertexMeta): Vertex {
  return graph.add({ kind: "file", base: false, actions: [] }, [], meta);
}
