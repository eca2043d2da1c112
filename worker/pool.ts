/**
 * Two pools of threads: one for work that burns CPU, a thread per core; one for RUN steps, which only wait, so
 * that a single thread carries many of them. Both are made when first asked for.
 */
import { setMaxListeners } from "node:events";
import { MessageChannel, type MessagePort, receiveMessageOnPort } from "node:worker_threads";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import type { Piscina } from "piscina";
import { type PlainError, TsbuildError, fromPlain, messageOf } from "../base/errors.js";
import type { Task, TaskResults, ThreadMessage, ThreadOrder } from "./tasks.js";

/** What crosses the border: a task with the port over which it is cancelled and talks back. */
export interface ThreadCall {
  readonly task: Task;
  readonly port: MessagePort;
}

export type ThreadReply =
  | { readonly ok: true; readonly value: TaskResults[Task["type"]] }
  | { readonly ok: false; readonly error: PlainError };

export interface TaskOptions {
  readonly signal: AbortSignal;
  readonly onMessage?: (message: ThreadMessage) => void;
}

const THREAD_FILE = "./thread.js";
/** Threads that work in small steps hear a cancel within a tenth of this. */
const DEAF_AFTER_MS = 500;

export class Pools implements AsyncDisposable {
  readonly #maxRuns: number;
  #cpu: Promise<Piscina> | undefined;
  #runs: Promise<Piscina> | undefined;
  readonly #running = new Set<Promise<unknown>>();
  readonly #killed = new WeakSet<Piscina>();

  constructor(maxRuns: number) {
    this.#maxRuns = maxRuns;
  }

  /**
   * Does a task in a thread. Aborting tells the thread, and this rejects when the thread has torn down what it had. A thread
   * that is deaf, in the middle of a large file, is killed with all its pool after a moment: it holds nothing but memory,
   * descriptors and mounts of this process's own, which go with the temporary folder that they are in.
   */
  async run<T extends Task>(task: T, options: TaskOptions): Promise<TaskResults[T["type"]]> {
    options.signal.throwIfAborted();
    // One build has many tasks at a time, and each listens: Node would take that for a leak, and say so.
    setMaxListeners(0, options.signal);
    const work = task.type === "exec" ? call(await this.#runPool(), task, options) : this.#callOrKill(await this.#cpuPool(), task, options);
    this.#running.add(work);
    try {
      return (await work) as TaskResults[T["type"]];
    } finally {
      this.#running.delete(work);
    }
  }

  /** Waits for what runs, then ends the threads. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(this.#running);
    for (const pool of [this.#cpu, this.#runs]) await (await pool)?.close();
  }

  /** Steps are never killed so: their runtime is, and then the thread that waits for it has something to tear down. */
  async #callOrKill(pool: Piscina, task: Task, options: TaskOptions): Promise<unknown> {
    let timer: NodeJS.Timeout | undefined;
    const wait = (): void => {
      timer = setTimeout(() => this.#kill(pool), DEAF_AFTER_MS);
    };
    options.signal.addEventListener("abort", wait, { once: true });
    try {
      return await callAgain(pool, task, options);
    } catch (error) {
      throw options.signal.aborted ? options.signal.reason : error;
    } finally {
      options.signal.removeEventListener("abort", wait);
      clearTimeout(timer);
    }
  }

  /** Whoever has work after this gets threads of another pool. */
  #kill(pool: Piscina): void {
    if (this.#killed.has(pool)) return;
    this.#killed.add(pool);
    this.#cpu = undefined;
    this.#running.add(pool.destroy());
  }

  #cpuPool(): Promise<Piscina> {
    this.#cpu ??= makePool(availableParallelism(), 1);
    return this.#cpu;
  }

  #runPool(): Promise<Piscina> {
    this.#runs ??= makePool(1, this.#maxRuns);
    return this.#runs;
  }
}

async function makePool(maxThreads: number, concurrentTasksPerWorker: number): Promise<Piscina> {
  const { Piscina } = await import("piscina");
  return new Piscina({
    filename: fileURLToPath(new URL(THREAD_FILE, import.meta.url)),
    minThreads: 0,
    maxThreads,
    concurrentTasksPerWorker,
    idleTimeout: 60_000,
    // descriptors come from openat2 by way of koffi, which Node doesn't see opened
    trackUnmanagedFds: false,
  });
}

/** Tasks that only read, or write what a second attempt writes over. */
const REPEATABLE: readonly Task["type"][] = ["hash-files", "diff-id", "scan-step"];

/** A thread that dies (out of memory, a native module that gives up) takes its tasks with it: those that can be done again are, once. */
async function callAgain(pool: Piscina, task: Task, options: TaskOptions): Promise<unknown> {
  try {
    return await call(pool, task, options);
  } catch (error) {
    const isRepeatable = error instanceof TsbuildError && error.code === "WORKER_DIED" && REPEATABLE.includes(task.type);
    if (!isRepeatable || options.signal.aborted) throw error;
    return await call(pool, task, options);
  }
}

/** What piscina rejects with is never the task's own failure: that comes as a reply. */
function died(task: Task, cause: unknown): TsbuildError {
  return new TsbuildError("WORKER_DIED", `a worker thread ended in the middle of its work (${task.type}): ${messageOf(cause)}`, {
    hint: "build again: what was finished is kept; if it was out of memory, allow less at a time with --max-parallelism",
    cause,
  });
}

async function call(pool: Piscina, task: Task, options: TaskOptions): Promise<unknown> {
  const { port1, port2 } = new MessageChannel();
  const tell = (order: ThreadOrder): void => port1.postMessage(order);
  const cancel = (): void => tell({ type: "cancel" });
  options.signal.addEventListener("abort", cancel, { once: true });
  const logFailure: { error?: unknown } = {};
  const onMessage = (message: ThreadMessage): void => {
    try {
      if (logFailure.error === undefined) options.onMessage?.(message);
    } catch (error) {
      // A log that can't be written ends the task; thrown from here it would end the program.
      logFailure.error = error;
      cancel();
    }
    tell({ type: "taken", bytes: message.data.length });
  };
  port1.on("message", onMessage);
  try {
    const request: ThreadCall = { task, port: port2 };
    const reply = await pool.run(request, { transferList: [port2] }).then(
      (value: ThreadReply) => value,
      (error: unknown) => {
        throw died(task, error);
      },
    );
    drain(port1, onMessage);
    if (logFailure.error !== undefined) throw logFailure.error;
    if (reply.ok) return reply.value;
    if (options.signal.aborted) throw options.signal.reason;
    throw fromPlain(reply.error);
  } finally {
    options.signal.removeEventListener("abort", cancel);
    drain(port1, onMessage);
    port1.close();
  }
}

/** Messages sent before the reply may still be under way on the port: none may be lost. */
function drain(port: MessagePort, onMessage: (message: ThreadMessage) => void): void {
  for (let next = receive(port); next !== undefined; next = receive(port)) onMessage(next);
}

function receive(port: MessagePort): ThreadMessage | undefined {
  const received: { readonly message: ThreadMessage } | undefined = receiveMessageOnPort(port);
  return received?.message;
}
