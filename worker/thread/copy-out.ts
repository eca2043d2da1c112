/** Writes filesystems to where the caller wants them. */
import { closeSync, mkdirSync, mkdtempSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { CleanupStack } from "../../base/cleanup.js";
import { TsbuildError, isErrno } from "../../base/errors.js";
import { packLayer } from "../../image/layer/pack.js";
import { scanDirectory } from "../../image/layer/scan.js";
import { loadKernel } from "../../sys/kernel.js";
import type { Kernel } from "../../sys/types.js";
import { applyFileActions, NO_NAMES } from "../files/apply.js";
import { openDirectoryView } from "../files/view.js";
import type { CopyOutPart, CopyOutTask } from "../tasks.js";
import { plainCopy } from "../../llb/plain-copy.js";

export async function copyOut(task: CopyOutTask): Promise<undefined> {
  const kernel = loadKernel();
  await using stack = new CleanupStack();
  const root = mkdtempSync(join(task.scratchDir, "tree-"));
  for (const part of task.parts) mountPart(kernel, part, root, stack);
  if (task.dest.type === "tar") writeTar(kernel, root, task);
  else await copyTree(kernel, root, task.parts[0]?.source ?? "/", task);
  return undefined;
}

function mountPart(kernel: Kernel, { folder, lowers }: CopyOutPart, root: string, stack: CleanupStack): void {
  const target = join(root, folder);
  mkdirSync(target, { recursive: true, mode: 0o755 });
  if (lowers.length === 0) return;
  kernel.mountOverlay({ lowers, target });
  stack.defer(() => kernel.umount(target, { detach: true }));
}

/** Beneath the destination, whatever links the files or the destination hold. */
async function copyTree(kernel: Kernel, root: string, source: string, task: CopyOutTask): Promise<void> {
  using view = openDirectoryView(kernel, root);
  await applyFileActions(kernel, {
    root: task.dest.path,
    actions: [plainCopy(source, "/")],
    sources: [view],
    refusesNodes: true,
    ...NO_NAMES,
    ...(task.timestampSec === undefined ? {} : { defaultTimestampNs: BigInt(task.timestampSec) * 1_000_000_000n }),
  });
}

/** `-` is standard output. A file that can't be finished is the caller's to remove. */
function writeTar(kernel: Kernel, root: string, task: CopyOutTask): void {
  const { path } = task.dest;
  const list = scanDirectory(kernel, root, { overlayUpper: false, hashFiles: false });
  const options = task.timestampSec === undefined ? {} : { rewriteTimestampSec: task.timestampSec };
  if (path === "-") {
    packLayer(kernel, root, list, { write: (bytes) => writeAll(1, bytes) }, options);
    return;
  }
  const fd = openSync(path, "w");
  try {
    packLayer(kernel, root, list, { write: (bytes) => writeAll(fd, bytes) }, options);
  } finally {
    closeSync(fd);
  }
}

/** A full pipe says EAGAIN where it was made non-blocking: wait a moment, this thread has nothing else to do. */
function writeAll(fd: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) {
    try {
      at += writeSync(fd, bytes, at);
    } catch (error) {
      if (fd === 1 && isErrno(error, "EPIPE"))
        throw new TsbuildError("OUTPUT_CLOSED", "whoever was to read the tar on standard output has closed it", { cause: error });
      if (!isErrno(error, "EAGAIN")) throw error;
      Atomics.wait(PAUSE, 0, 0, 2);
    }
  }
}

const PAUSE = new Int32Array(new SharedArrayBuffer(4));
