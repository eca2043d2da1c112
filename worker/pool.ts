/**
 * Two pools of threads: one for work that burns CPU, a thread per core; one for RUN steps, which only wait, so
 * that a single thread carries many of them. Both are made when first asked for.
 */
import { MessageChannel, type MessagePort, receiveMessageOnPort } from "node:worker_threads";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import type { Piscina } from "piscina";
import { type PlainError, fromPlain } from "../base/errors.js";
import type { Task, TaskResults, ThreadMessage } from "./tasks.js";

/** What crosses the border: a task with the port over which it is cancelled and talks back. */
export interface ThreadCall {
  readonly task: Task;
  readonly port: MessagePort;
}

export type ThreadReply = { readonly ok: true; readonly value: TaskResults[Task["type"]] } | { readonly ok: false; readonly error: PlainError };

export interface TaskOptions {
  readonly signal: AbortSignal;
  readonly onMessage?: (message: ThreadMessage) => void;
}

const THREAD_FILE = "./thread.js";

export class Pools implements AsyncDisposable {
  readonly #maxRuns: number;
  #cpu: Promise<Piscina> | undefined;
  #runs: Promise<Piscina> | undefined;
  readonly #running = new Set<Promise<unknown>>();

  constructor(maxRuns: number) {
    this.#maxRuns = maxRuns;
  }

  /**
   * Does a task in a thread. Aborting tells the thread, and this rejects only when the thread has torn down
   * what it had: the thread itself is never killed.
   */
  async run<T extends Task>(task: T, options: TaskOptions): Promise<TaskResults[T["type"]]> {
    options.signal.throwIfAborted();
    const pool = await (task.type === "exec" ? this.#runPool() : this.#cpuPool());
    const work = call(pool, task, options);
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

async function call(pool: Piscina, task: Task, options: TaskOptions): Promise<unknown> {
  const { port1, port2 } = new MessageChannel();
  const cancel = (): void => port1.postMessage("cancel");
  options.signal.addEventListener("abort", cancel, { once: true });
  port1.on("message", (message: ThreadMessage) => options.onMessage?.(message));
  try {
    const request: ThreadCall = { task, port: port2 };
    const reply = (await pool.run(request, { transferList: [port2] })) as ThreadReply;
    if (reply.ok) return reply.value;
    if (options.signal.aborted) throw options.signal.reason;
    throw fromPlain(reply.error);
  } finally {
    options.signal.removeEventListener("abort", cancel);
    drain(port1, options);
    port1.close();
  }
}

/** Messages sent before the reply may still be under way on the port: none may be lost. */
function drain(port: MessagePort, options: TaskOptions): void {
  for (let next = receive(port); next !== undefined; next = receive(port)) options.onMessage?.(next);
}

function receive(port: MessagePort): ThreadMessage | undefined {
  const received: { readonly message: ThreadMessage } | undefined = receiveMessageOnPort(port);
  return received?.message;
}
