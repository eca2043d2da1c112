/** Applies file actions to a mounted tree and lists what they made. */
import type { Digest } from "../../base/digest.js";
import { lookupGroup, lookupUser } from "../../executor/user.js";
import { loadKernel } from "../../sys/kernel.js";
import type { Kernel } from "../../sys/types.js";
import { applyFileActions } from "../files/apply.js";
import { type OpenView, openContextView, openDirectoryView } from "../files/view.js";
import type { ActivePaths, CommittedFacts, FileOpTask, SourceTree } from "../tasks.js";
import type { ThreadContext } from "../thread.js";
import { listSnapshot, writeList } from "./list-snapshot.js";
import { mountActive, mountView } from "./mounts.js";

export async function runFileOp(task: FileOpTask, { signal }: ThreadContext): Promise<CommittedFacts> {
  const kernel = loadKernel();
  const digests = await applyMounted(kernel, task, signal);
  const { list, facts } = listSnapshot(kernel, task.active.fs, { wantsDiffId: task.wantsDiffId, known: digests });
  writeList(task.active, list);
  return facts;
}

async function applyMounted(kernel: Kernel, task: FileOpTask, signal: AbortSignal): Promise<ReadonlyMap<string, Digest>> {
  const root = task.active.mountpoint;
  using _mount = mountActive(kernel, task.lowers, task.active);
  const opened: Disposable[] = [];
  try {
    const sources = task.sources.map((tree) => {
      if (tree === undefined) return undefined;
      const source = openSource(kernel, tree, task.active);
      opened.push(source);
      return source.view;
    });
    const { digests } = await applyFileActions(kernel, {
      root,
      actions: task.actions,
      sources,
      lookupUser: (name) => lookupUser(kernel, root, name),
      lookupGroup: (name) => lookupGroup(kernel, root, name).gid,
      expected: task.expected,
      ...(task.timestampSec === undefined ? {} : { defaultTimestampNs: BigInt(task.timestampSec) * 1_000_000_000n }),
      signal,
    });
    return digests;
  } finally {
    for (const source of opened.reverse()) source[Symbol.dispose]();
  }
}

interface OpenSource extends Disposable {
  readonly view: OpenView;
}

function openSource(kernel: Kernel, tree: SourceTree, active: ActivePaths): OpenSource {
  if (tree.type === "context") {
    const view = openContextView(kernel, tree.dir, tree.exclude);
    return { view, [Symbol.dispose]: () => view[Symbol.dispose]() };
  }
  const mounted = mountView(kernel, tree.lowers, active);
  const view = openDirectoryView(kernel, mounted.path, "the stage or image it copies from");
  return {
    view,
    [Symbol.dispose]: () => {
      view[Symbol.dispose]();
      mounted[Symbol.dispose]();
    },
  };
}
