/** Sources: who they are without fetching them, and fetching them. */
import { unreachable } from "../../base/unreachable.js";
import type { Vertex } from "../../llb/graph.js";
import type { SourceOp } from "../../llb/op.js";
import type { Result, SourceFacts } from "../../solver/types.js";
import type { BuildEnvironment } from "../environment.js";

export async function identifySource(env: BuildEnvironment, vertex: Vertex, signal: AbortSignal): Promise<SourceFacts> {
  const op = sourceOf(vertex);
  switch (op.type) {
    case "image":
      return env.images.identify(op, signal);
    case "local":
      return { chain: [], identity: undefined, isPresent: true };
    case "git":
      return env.git.identify(op, signal);
    case "http":
      return env.http.identify(op, vertex.digest, signal);
    default:
      return unreachable(op);
  }
}

export async function fetchSource(env: BuildEnvironment, vertex: Vertex, signal: AbortSignal): Promise<Result> {
  const op = sourceOf(vertex);
  if (op.type === "http") return env.http.fetch(op, vertex.digest, signal);
  if (op.type === "git") return env.git.fetch(op, vertex.digest, signal);
  if (op.type !== "image") throw new Error(`Internal error: a ${op.type} source has nothing to fetch`);
  return env.images.unpack(op, vertex.digest, signal);
}

function sourceOf(vertex: Vertex): SourceOp {
  if (vertex.op.kind !== "source") throw new Error("Internal error: not a source");
  return vertex.op;
}
