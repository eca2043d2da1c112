/** How ops meet the machine: the solver's OpRunner, one file per kind of op behind it, loaded when one has to run. */
import { withLocation } from "../base/errors.js";
import { explainFullDisk } from "./disk-full.js";
import { unreachable } from "../base/unreachable.js";
import type { KeyPart, StepKey } from "../cache/types.js";
import type { Vertex } from "../llb/graph.js";
import type { OpRunner, Result, RunOutcome, SourceFacts } from "../solver/types.js";
import type { BuildEnvironment } from "./environment.js";
import { runDiff, runMerge } from "./ops/merge.js";
import { fetchSource, identifySource } from "./ops/source.js";

export class Runner implements OpRunner {
  readonly #env: BuildEnvironment;

  constructor(env: BuildEnvironment) {
    this.#env = env;
  }

  identify(vertex: Vertex, signal: AbortSignal): Promise<SourceFacts> {
    return this.#located(vertex, () => identifySource(this.#env, vertex, signal));
  }

  fetch(vertex: Vertex, signal: AbortSignal): Promise<Result> {
    return this.#located(vertex, () => fetchSource(this.#env, vertex, signal));
  }

  checksum(vertex: Vertex, inputs: ReadonlyMap<number, Result>, signal: AbortSignal): Promise<readonly KeyPart[]> {
    return this.#located(vertex, async () => (await import("./checksum.js")).checksumInputs(this.#env, vertex, inputs, signal));
  }

  run(vertex: Vertex, inputs: readonly Result[], _key: StepKey, signal: AbortSignal): Promise<RunOutcome> {
    return this.#located(vertex, async () => {
      const { op } = vertex;
      switch (op.kind) {
        case "exec":
          return (await import("./ops/exec.js")).runExec(this.#env, vertex, op, inputs, signal);
        case "file":
          return (await import("./ops/file.js")).runFileOp(this.#env, vertex, op, inputs, signal);
        case "merge":
          return runMerge(inputs);
        case "diff":
          return runDiff(inputs);
        case "source":
          throw new Error("Internal error: a source is fetched, not run");
        default:
          return unreachable(op);
      }
    });
  }

  async discard(outcome: RunOutcome): Promise<void> {
    const made = outcome.chain.at(-1);
    if (made !== undefined) await this.#env.store.snapshots.delete(made);
  }

  /** Errors say which instruction they belong to. */
  async #located<T>(vertex: Vertex, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      // Steps write to nothing but the store.
      throw withLocation(explainFullDisk(error, this.#env.store.path()), this.#env.graph.meta(vertex).location);
    }
  }
}
