/** What a process changed: the file list of its snapshot, and its identity (design, "Identity, not definition"). */
import { readFileSync } from "node:fs";
import { type Digest, digestOf } from "../../base/digest.js";
import { decodeFileList, joinFileLists, treeIdentity } from "../../image/layer/file-list.js";
import type { FileEntry, FileList } from "../../image/types.js";
import { loadKernel } from "../../sys/kernel.js";
import type { CommittedFacts, ScanStepTask } from "../tasks.js";
import { listSnapshot, writeList } from "./list-snapshot.js";

export function scanStep(task: ScanStepTask): CommittedFacts & { readonly identity: Digest } {
  const kernel = loadKernel();
  const below = new Below(task);
  const { list, facts } = listSnapshot(kernel, task.active.fs, { wantsDiffId: task.wantsDiffId });
  writeList(task.active, list);
  return { ...facts, identity: identityOf(task, list, below) };
}

/** The parents' and inputs' files, joined only when somebody asks. */
class Below {
  readonly #task: ScanStepTask;
  #parents: ReadonlyMap<string, FileEntry> | undefined;
  #times: ReadonlySet<bigint> | undefined;

  constructor(task: ScanStepTask) {
    this.#task = task;
  }

  entry(path: string): FileEntry | undefined {
    this.#parents ??= new Map(joined(this.#task.parentLists).map((entry) => [entry.path, entry]));
    return this.#parents.get(path);
  }

  /** Whether some input file has this modification time. */
  hasTime(mtimeNs: bigint): boolean {
    this.entry("");
    this.#times ??= new Set([...(this.#parents?.values() ?? []), ...joined(this.#task.inputLists)].map((entry) => entry.mtimeNs));
    return this.#times.has(mtimeNs);
  }
}

function joined(paths: readonly string[]): FileList {
  return joinFileLists(paths.map((path) => decodeFileList(readFileSync(path))));
}

/**
 * The parent's identity with what changed on top. A file's time counts only when the step itself can have set it on purpose: not
 * when it lies in the step's window, is that of the file below, or was taken over from an input.
 */
function identityOf(task: ScanStepTask, list: FileList, below: Below): Digest {
  const { fromNs, toNs } = task.window;
  const changes = treeIdentity(list, {
    owner: true,
    mtime: (entry) => {
      if (entry.type === "dir" || entry.type === "whiteout" || entry.type === "hardlink") return undefined;
      if (entry.mtimeNs >= fromNs - TICK_NS && entry.mtimeNs <= toNs + TICK_NS) return undefined;
      return below.entry(entry.path)?.mtimeNs === entry.mtimeNs || below.hasTime(entry.mtimeNs) ? undefined : entry.mtimeNs;
    },
  });
  return digestOf({ parent: task.parentIdentity, changes });
}

/** The coarsest clock tick of the kernel (HZ=100). */
const TICK_NS = 10_000_000n;
