/** The entry of a worker thread: does one task at a call. */
import { toPlain } from "../base/errors.js";
import { unreachable } from "../base/unreachable.js";
import type { ThreadCall, ThreadReply } from "./pool.js";
import { Flow } from "./flow.js";
import type { Task, TaskResults, ThreadMessage, ThreadOrder } from "./tasks.js";

export interface ThreadContext {
  readonly signal: AbortSignal;
  /** Returns a promise when the main thread is far behind: whoever has more to say waits for it. */
  readonly send: (message: ThreadMessage) => void | Promise<void>;
}

/** Called by piscina. Errors go back as data, since structured clone would drop what they are. */
export default async function runTask({ task, port }: ThreadCall): Promise<ThreadReply> {
  const stop = new AbortController();
  const flow = new Flow();
  port.on("message", (order: ThreadOrder) => {
    if (order.type === "taken") return flow.taken(order.bytes);
    stop.abort(new DOMException("The build was cancelled", "AbortError"));
  });
  const send = (message: ThreadMessage): void | Promise<void> => {
    port.postMessage(message);
    return flow.sent(message.data.length);
  };
  try {
    return { ok: true, value: await perform(task, { signal: stop.signal, send }) };
  } catch (error) {
    return { ok: false, error: toPlain(error) };
  } finally {
    port.unref();
  }
}

async function perform(task: Task, context: ThreadContext): Promise<TaskResults[Task["type"]]> {
  switch (task.type) {
    case "hash-files":
      return (await import("./thread/hash-files.js")).hashFiles(task);
    case "file-op":
      return (await import("./thread/file-op.js")).runFileOp(task, context);
    case "exec":
      return (await import("./thread/exec.js")).runExec(task, context);
    case "scan-step":
      return (await import("./thread/scan-step.js")).scanStep(task);
    case "unpack":
      return (await import("./thread/unpack.js")).unpack(task);
    case "settle":
      return (await import("./thread/unpack.js")).settle(task);
    case "compress":
      return (await import("./thread/compress.js")).compress(task);
    case "diff-id":
      return (await import("./thread/compress.js")).diffId(task);
    case "copy-out":
      return (await import("./thread/copy-out.js")).copyOut(task);
    case "list-tree":
      return (await import("./thread/list-tree.js")).listTree(task);
    default:
      return unreachable(task);
  }
}
