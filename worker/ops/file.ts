/** File ops: copy, make and remove files on top of a tree, as a new snapshot. */
import type { Vertex } from "../../llb/graph.js";
import type { FileOp } from "../../llb/op.js";
import type { Result, RunOutcome } from "../../solver/types.js";
import { activePaths, commitWritten } from "../active.js";
import type { BuildEnvironment } from "../environment.js";
import type { SourceTree } from "../tasks.js";

export async function runFileOp(
  env: BuildEnvironment,
  vertex: Vertex,
  op: FileOp,
  inputs: readonly Result[],
  signal: AbortSignal,
): Promise<RunOutcome> {
  const { store, pools } = env;
  const base = op.base ? (inputs[0]?.chain ?? []) : [];
  // an op that does nothing stands for an empty tree, which is no layer
  if (op.actions.length === 0) return { chain: base };
  await using active = await store.snapshots.prepare();
  const facts = await pools.run(
    {
      type: "file-op",
      lowers: await store.snapshots.lowers(base),
      active: activePaths(active),
      actions: op.actions,
      sources: await sourceTrees(env, vertex, op, inputs),
      expected: env.contexts.promised(vertex.digest),
      wantsDiffId: env.wantsDiffId,
      timestampSec: env.timestampSec,
    },
    { signal },
  );
  return { chain: [...base, await commitWritten(active, facts)] };
}

async function sourceTrees(
  env: BuildEnvironment,
  vertex: Vertex,
  op: FileOp,
  inputs: readonly Result[],
): Promise<(SourceTree | undefined)[]> {
  return Promise.all(
    vertex.inputs.map(async (input, index): Promise<SourceTree | undefined> => {
      if (index === 0 && op.base) return undefined;
      if (input.op.kind === "source" && input.op.type === "local") {
        return { type: "context", dir: env.contexts.folder(input.op.name), exclude: input.op.exclude };
      }
      return { type: "layers", lowers: await env.store.snapshots.lowers(inputs[index]?.chain ?? []) };
    }),
  );
}
