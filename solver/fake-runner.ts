/** A machine made of nothing, for tests: says what was asked of it, and runs when it is told to. */
import { sha256Digest } from "../base/digest.js";
import type { BuildEvent, Outcome } from "../base/events.js";
import type { Chain, KeyPart, Locks, SnapshotName, StepKey, StepRecord, StepRecords } from "../cache/types.js";
import { Graph, type Vertex, type VertexMeta } from "../llb/graph.js";
import type { ExecOp, FileOp } from "../llb/op.js";
import type { OpRunner, Result, RunOutcome, SourceFacts } from "./types.js";

/** Keeps records and snapshots in memory. */
export class FakeStore {
  readonly records: Map<StepKey, StepRecord> = new Map<StepKey, StepRecord>();
  readonly snapshots: Set<SnapshotName> = new Set();
  made = 0;
  readonly #held = new Map<string, Promise<void>>();

  readonly steps: StepRecords = {
    get: async (key) => this.records.get(key),
    put: async (keys, record) => {
      for (const key of keys) this.records.set(key, record);
    },
    alias: async (key, record) => void this.records.set(key, record),
    atPlace: async (place, limit) =>
      [...new Set(this.records.values())]
        .filter((record) => record.place === place)
        .reverse()
        .slice(0, limit),
  };

  readonly hasAll = async (chain: Chain): Promise<boolean> => chain.every((name) => this.snapshots.has(name));

  readonly locks: Locks = {
    acquire: async (name, { onWait }) => {
      for (let held = this.#held.get(name); held !== undefined; held = this.#held.get(name)) {
        onWait?.("pid 1");
        await held;
      }
      let free = (): void => undefined;
      this.#held.set(name, new Promise((resolve) => (free = resolve)));
      return {
        [Symbol.asyncDispose]: async () => {
          this.#held.delete(name);
          free();
        },
      };
    },
    tryAcquire: async (name) => (this.#held.has(name) ? undefined : this.locks.acquire(name, { signal: new AbortController().signal })),
  };
}

/** What a step does when it runs; the default comes to a result that follows from its command. */
export type Behaviour = (signal: AbortSignal) => Promise<string>;

export class FakeRunner implements OpRunner {
  readonly ran: string[] = [];
  readonly checksummed: string[] = [];
  readonly discarded: RunOutcome[] = [];
  /** Content of local contexts and of stages' files: changes what `checksum` says. */
  content = "v1";
  readonly behaviours: Map<string, Behaviour> = new Map();
  readonly #store: FakeStore;
  readonly #graph: Graph;

  constructor(store: FakeStore, graph: Graph) {
    this.#store = store;
    this.#graph = graph;
  }

  async identify(vertex: Vertex): Promise<SourceFacts> {
    if (vertex.op.kind === "source" && vertex.op.type === "local") return { chain: [], identity: undefined, isPresent: true };
    return { chain: [], identity: sha256Digest(JSON.stringify(vertex.op)), isPresent: true };
  }

  async fetch(vertex: Vertex): Promise<Result> {
    return this.identify(vertex);
  }

  async checksum(vertex: Vertex): Promise<readonly KeyPart[]> {
    this.checksummed.push(this.#nameOf(vertex));
    return [{ name: "content", value: this.content }];
  }

  async run(vertex: Vertex, inputs: readonly Result[], _key: StepKey, signal: AbortSignal): Promise<RunOutcome> {
    const name = this.#nameOf(vertex);
    this.ran.push(name);
    const came = await (this.behaviours.get(name) ?? (async () => name))(signal);
    const snapshot = `snapshot${String(++this.#store.made).padStart(8, "0")}` as SnapshotName;
    this.#store.snapshots.add(snapshot);
    const chain = [...(inputs[0]?.chain ?? []), snapshot];
    return vertex.op.kind === "exec" ? { chain, identity: sha256Digest(`${inputs[0]?.identity ?? ""} ${came}`) } : { chain };
  }

  async discard(outcome: RunOutcome): Promise<void> {
    this.discarded.push(outcome);
  }

  #nameOf(vertex: Vertex): string {
    return this.#graph.meta(vertex).name;
  }
}

/** Graphs in one line a step. */
export class GraphMaker {
  readonly graph: Graph = new Graph();

  image(ref: string): Vertex {
    const manifest = sha256Digest(ref);
    return this.graph.add(
      { kind: "source", type: "image", ref, manifest, platform: { os: "linux", architecture: "amd64" } },
      [],
      meta(ref),
    );
  }

  context(): Vertex {
    return this.graph.add({ kind: "source", type: "local", name: "context", exclude: [] }, [], meta("context"));
  }

  run(name: string, base: Vertex, options: Partial<VertexMeta> = {}): Vertex {
    const op: ExecOp = {
      kind: "exec",
      args: [name],
      env: [],
      cwd: "/",
      user: "",
      network: "default",
      security: "sandbox",
      mounts: [],
      proxyEnv: [],
      extraHosts: [],
      limits: {},
    };
    return this.graph.add(op, [base], { ...meta(name), ...options });
  }

  copy(name: string, base: Vertex, source: Vertex): Vertex {
    const op: FileOp = {
      kind: "file",
      base: true,
      actions: [
        {
          type: "copy",
          input: 1,
          sources: [`/${name}`],
          destination: "/",
          contentsOnly: true,
          allowWildcard: false,
          allowEmptyWildcard: false,
          unpack: false,
          keepParents: false,
          excludes: [],
          followDestinationLinks: true,
        },
      ],
    };
    return this.graph.add(op, [base, source], meta(name));
  }
}

function meta(name: string): VertexMeta {
  return { name, place: name, ignoreCache: false, isInternal: false };
}

/** Keeps what was said, and answers by step name. */
export class EventLog {
  readonly events: BuildEvent[] = [];
  readonly sink = (event: BuildEvent): void => void this.events.push(event);

  outcome(vertex: Vertex): Outcome | undefined {
    const ends = this.events.flatMap((event) => (event.type === "step-ended" && event.vertex === vertex.digest ? [event.outcome] : []));
    if (ends.length > 1) throw new Error(`${vertex.digest} ended ${ends.length} times: ${ends.join(", ")}`);
    return ends[0];
  }

  reason(vertex: Vertex): string | undefined {
    return this.events.flatMap((event) => (event.type === "step-started" && event.vertex === vertex.digest ? [event.reason] : []))[0];
  }
}
