/**
 * One walk over the graph. Each vertex has at most one promise for who it is (its identity, from records where
 * they are) and one for its files. A fully cached build only ever asks for identities: nothing is mounted or fetched.
 *
 *   identity(v) ── record known ──▶ the record's identity
 *        └─────── no record ─────▶ result(v)
 *   result(v) ──── record and its whole chain present ──▶ CACHED
 *        └─────── otherwise ──▶ result(inputs), lock, look again, run, file the record
 *
 * A record without its chain may promise an identity. When the step then runs and comes to another one, what was
 * derived from the promise is void: the walk ends with `IdentityMoved`, and the next one starts from the new record.
 */
import type { Digest } from "../base/digest.js";
import type { EventSink, Outcome } from "../base/events.js";
import type { Chain, KeyPart, Locks, StepKey, StepRecord, StepRecords } from "../cache/types.js";
import { type Graph, type Vertex, topological } from "../llb/graph.js";
import { explainMiss } from "./explain.js";
import { identityOfKey, inputParts, opParts, partialInputs, selectionParts, stepKey } from "./keys.js";
import type { Slots } from "./slots.js";
import type { OpRunner, Result, RunOutcome, SourceFacts } from "./types.js";

export interface AttemptOptions {
  readonly graph: Graph;
  readonly roots: readonly Vertex[];
  readonly runner: OpRunner;
  readonly steps: StepRecords;
  readonly hasAll: (chain: Chain) => Promise<boolean>;
  readonly locks: Locks;
  readonly slots: Slots;
  readonly priority: ReadonlyMap<Digest, number>;
  readonly events: EventSink;
  readonly nowMs: () => number;
  /** Sets the places of this Dockerfile apart from those of others, in the same words from build to build. */
  readonly project: string;
}

/** What outlives an attempt: results that were made, and what was said about each step. */
export interface Progress {
  readonly made: Map<Digest, Result>;
  readonly outcomes: Map<Digest, Outcome>;
}

/** A step that was lost ran again and came to something else than its record promised. */
export class IdentityMoved extends Error {
  readonly vertex: Digest;

  constructor(vertex: Digest) {
    super(`Internal error: the identity of ${vertex} moved and nobody started over`);
    this.vertex = vertex;
  }
}

/** Where a step stands before it runs. */
interface Located {
  /** The best key: by content where an input is read in part. */
  readonly key: StepKey;
  readonly keys: readonly StepKey[];
  readonly parts: readonly KeyPart[];
  readonly record: StepRecord | undefined;
  /** The record's whole chain is there. */
  readonly isPresent: boolean;
}

export class Attempt {
  readonly #options: AttemptOptions;
  readonly #progress: Progress;
  readonly #signal: AbortSignal;
  readonly #identities = new Map<Digest, Promise<Digest | undefined>>();
  readonly #results = new Map<Digest, Promise<Result>>();
  readonly #located = new Map<Digest, Promise<Located>>();
  readonly #sources = new Map<Digest, Promise<SourceFacts>>();
  readonly #promised = new Map<Digest, Digest>();
  /** CACHED, but derived from a promise: said only when the attempt holds. */
  readonly #unconfirmed = new Set<Digest>();
  readonly #lost = new Set<Digest>();

  constructor(options: AttemptOptions, progress: Progress, signal: AbortSignal) {
    this.#options = options;
    this.#progress = progress;
    this.#signal = signal;
  }

  /** The files of every root. Rejects with the first failure; `settled` tells when the rest has stopped. */
  async run(): Promise<Result[]> {
    const results = await Promise.all(this.#options.roots.map((root) => this.#result(root)));
    for (const vertex of this.#unconfirmed) this.#end(vertex, "CACHED");
    return results;
  }

  /** Waits until everything that was begun has ended, well or not; says what failed, moved identities aside. */
  async settled(): Promise<unknown> {
    const begun = (): Promise<unknown>[] =>
      [this.#results, this.#located, this.#sources, this.#identities].flatMap((memo: ReadonlyMap<Digest, Promise<unknown>>) => [
        ...memo.values(),
      ]);
    let failure: unknown;
    for (let count = -1; count !== begun().length;) {
      count = begun().length;
      for (const end of await Promise.allSettled(begun())) {
        if (end.status === "rejected" && !(end.reason instanceof IdentityMoved)) failure ??= end.reason;
      }
    }
    return failure;
  }

  #identity(vertex: Vertex): Promise<Digest | undefined> {
    return once(this.#identities, vertex.digest, async () => {
      if (vertex.op.kind === "source") return (await this.#source(vertex)).identity;
      const made = this.#progress.made.get(vertex.digest);
      if (made !== undefined) return made.identity;
      const { record } = await this.#locate(vertex);
      if (record === undefined) return (await this.#result(vertex)).identity;
      this.#promised.set(vertex.digest, record.identity);
      return record.identity;
    });
  }

  #result(vertex: Vertex): Promise<Result> {
    return once(this.#results, vertex.digest, async () => {
      if (vertex.op.kind === "source") return this.#fetch(vertex);
      const made = this.#progress.made.get(vertex.digest);
      if (made !== undefined) return made;
      const located = await this.#locate(vertex);
      if (located.record !== undefined && located.isPresent) return resultOf(located.record);
      const inputs = await Promise.all(vertex.inputs.map((input) => this.#result(input)));
      const result = await this.#runOnce(vertex, located, inputs);
      this.#progress.made.set(vertex.digest, result);
      const promised = this.#promised.get(vertex.digest);
      if (promised !== undefined && promised !== result.identity) throw new IdentityMoved(vertex.digest);
      return result;
    });
  }

  #source(vertex: Vertex): Promise<SourceFacts> {
    return once(this.#sources, vertex.digest, async () => {
      const facts = await this.#options.runner.identify(vertex, this.#signal);
      if (facts.isPresent) this.#end(vertex.digest, "CACHED");
      return facts;
    });
  }

  async #fetch(vertex: Vertex): Promise<Result> {
    const facts = await this.#source(vertex);
    if (facts.isPresent) return facts;
    return this.#step(vertex, undefined, () => this.#options.runner.fetch(vertex, this.#signal));
  }

  #locate(vertex: Vertex): Promise<Located> {
    return once(this.#located, vertex.digest, async () => {
      const located = await this.#findRecord(vertex);
      if (located.record !== undefined) {
        if (located.isPresent) this.#sayCached(vertex);
        else this.#lost.add(vertex.digest);
      }
      return located;
    });
  }

  /** By the inputs' identities first, which costs nothing; then by the checksum of what is read of them. */
  async #findRecord(vertex: Vertex): Promise<Located> {
    const meta = this.#options.graph.meta(vertex);
    const identities = await Promise.all(vertex.inputs.map((input) => this.#identity(input)));
    const partial = partialInputs(vertex);
    const own = opParts(vertex, meta);
    const keys: StepKey[] = [];
    const isKnown = identities.every((identity) => identity !== undefined);
    if (isKnown || partial.length === 0) {
      const parts = [...own, ...(partial.length === 0 ? [] : selectionParts(vertex)), ...inputParts(identities, new Set())];
      const located = await this.#lookup(parts, keys, meta.ignoreCache);
      if (located.record !== undefined || partial.length === 0) return located;
    }
    const inputs = new Map<number, Result>();
    await Promise.all(
      partial.map(async (index) => {
        const input = vertex.inputs[index];
        if (input !== undefined) inputs.set(index, await this.#result(input));
      }),
    );
    const checksums = await this.#options.runner.checksum(vertex, inputs, this.#signal);
    const located = await this.#lookup([...own, ...inputParts(identities, new Set(partial)), ...checksums], keys, meta.ignoreCache);
    const [quick] = keys;
    // The inputs are new but what is read of them is not: next time their identities alone are enough.
    if (located.record !== undefined && quick !== undefined && quick !== located.key)
      await this.#options.steps.alias(quick, located.record);
    return located;
  }

  async #lookup(parts: readonly KeyPart[], earlierKeys: StepKey[], ignoreCache: boolean): Promise<Located> {
    const key = stepKey(parts);
    earlierKeys.push(key);
    const record = ignoreCache ? undefined : await this.#options.steps.get(key);
    const isPresent = record !== undefined && (await this.#options.hasAll(record.chain));
    return { key, keys: [...earlierKeys], parts, record, isPresent };
  }

  /** Holds the step's lock, so that of all builds that want it one runs it, and looks once more before it does. */
  async #runOnce(vertex: Vertex, located: Located, inputs: readonly Result[]): Promise<Result> {
    const { locks, steps, graph } = this.#options;
    const meta = graph.meta(vertex);
    await using _lock = await locks.acquire(`step/${located.key}`, {
      signal: this.#signal,
      onWait: (owner) => this.#note(vertex, `waits for another build (${owner}) that runs the same step`),
    });
    if (!meta.ignoreCache) {
      const record = await steps.get(located.key);
      if (record !== undefined && (await this.#options.hasAll(record.chain))) {
        this.#end(vertex.digest, "CACHED");
        return resultOf(record);
      }
    }
    const older = await steps.atPlace(this.#place(vertex), OLDER_RECORDS);
    const reason = this.#reason(vertex, located, older);
    // awaited here: the lock has to be held until the record is filed
    return await this.#step(vertex, reason, () => this.#runAndFile(vertex, located, inputs, older));
  }

  async #runAndFile(vertex: Vertex, located: Located, inputs: readonly Result[], older: readonly StepRecord[]): Promise<Result> {
    const { runner, steps, graph, nowMs } = this.#options;
    const startedAtMs = nowMs();
    const outcome = await runner.run(vertex, inputs, located.key, this.#signal);
    const identity = outcome.identity ?? identityOfKey(located.key);
    const chain = await this.#equalOlderChain(identity, outcome, older);
    const meta = graph.meta(vertex);
    await steps.put(located.keys, {
      key: located.key,
      identity,
      chain,
      parts: located.parts,
      place: this.#place(vertex),
      name: meta.name,
      createdAtMs: nowMs(),
      durationMs: nowMs() - startedAtMs,
      logPath: outcome.logPath,
    });
    return { chain, identity };
  }

  #place(vertex: Vertex): string {
    return `${this.#options.project}/${this.#options.graph.meta(vertex).place}`;
  }

  /** When a re-run equals an older result that is still there, the older one is used, so that the image stays the same. */
  async #equalOlderChain(identity: Digest, outcome: RunOutcome, older: readonly StepRecord[]): Promise<Chain> {
    for (const record of older) {
      if (record.identity !== identity || !(await this.#options.hasAll(record.chain))) continue;
      if (record.chain.at(-1) !== outcome.chain.at(-1)) await this.#options.runner.discard(outcome);
      return record.chain;
    }
    return outcome.chain;
  }

  /** Runs `work` in a slot between the two events. */
  async #step(vertex: Vertex, reason: string | undefined, work: () => Promise<Result>): Promise<Result> {
    const { slots, priority, events, nowMs } = this.#options;
    return slots.use(priority.get(vertex.digest) ?? 0, this.#signal, async () => {
      events({ type: "step-started", vertex: vertex.digest, atMs: nowMs(), reason });
      try {
        const result = await work();
        this.#end(vertex.digest, "RAN");
        return result;
      } catch (error) {
        if (this.#signal.aborted) this.#end(vertex.digest, "NOT RUN");
        else this.#end(vertex.digest, "FAILED", error instanceof Error ? error.message : String(error));
        throw error;
      }
    });
  }

  #reason(vertex: Vertex, located: Located, older: readonly StepRecord[]): string {
    const { graph } = this.#options;
    if (graph.meta(vertex).ignoreCache) return "the cache is not used for this step";
    if (located.record !== undefined) return "its result is no longer in the store";
    const [base] = vertex.inputs;
    const isImage = base?.op.kind === "source" && base.op.type === "image";
    const baseName =
      base === undefined
        ? ""
        : isImage && base.op.kind === "source" && base.op.type === "image"
          ? base.op.ref.split("@", 1).join("")
          : graph.meta(base).name;
    return explainMiss({ parts: located.parts, older, baseName, baseIsImage: isImage });
  }

  /** At once when nothing below was lost, else when the attempt has held. */
  #sayCached(vertex: Vertex): void {
    const restsOnPromise = this.#lost.size > 0 && topological([vertex]).some((input) => this.#lost.has(input.digest));
    if (restsOnPromise) this.#unconfirmed.add(vertex.digest);
    else this.#end(vertex.digest, "CACHED");
  }

  #end(vertex: Digest, outcome: Outcome, error?: string): void {
    if (this.#progress.outcomes.has(vertex)) return;
    this.#progress.outcomes.set(vertex, outcome);
    this.#options.events({ type: "step-ended", vertex, outcome, atMs: this.#options.nowMs(), error });
  }

  #note(vertex: Vertex, message: string): void {
    this.#options.events({ type: "note", vertex: vertex.digest, message });
  }
}

const OLDER_RECORDS = 8;

function resultOf(record: StepRecord): Result {
  return { chain: record.chain, identity: record.identity };
}

/** At most once per vertex: the promise is kept. A rejection is never "unhandled": whoever asked first has it too. */
function once<T>(memo: Map<Digest, Promise<T>>, key: Digest, make: () => Promise<T>): Promise<T> {
  const known = memo.get(key);
  if (known !== undefined) return known;
  const promise = make();
  promise.catch(() => undefined);
  memo.set(key, promise);
  return promise;
}
