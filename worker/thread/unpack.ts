/** Unpacks layers: each by itself first, then in order what only the layers below can tell. */
import { readFileSync, rmSync, mkdirSync } from "node:fs";
import { TsbuildError } from "../../base/errors.js";
import { decodeFileList, joinFileLists } from "../../image/layer/file-list.js";
import { fixImpliedDirs, needsReapply, unpackLayer } from "../../image/layer/unpack.js";
import type { FileList } from "../../image/types.js";
import { loadKernel } from "../../sys/kernel.js";
import type { Kernel } from "../../sys/types.js";
import type { CommittedFacts, SettleTask, UnpackTask, UnpackedFacts } from "../tasks.js";
import { writeList } from "./list-snapshot.js";
import { mountActive } from "./mounts.js";

type Unpacked = Awaited<ReturnType<typeof unpackLayer>>;

export async function unpack(task: UnpackTask): Promise<UnpackedFacts> {
  const { blobPath, mediaType, active } = task;
  const result = await unpackLayer(loadKernel(), { blobPath, mediaType, destDir: active.fs });
  checkDiffId(task, result);
  writeList(active, result.list);
  return {
    ...factsOf(result),
    diffId: result.diffId,
    impliedDirs: result.impliedDirs,
    assumedDirs: result.assumedDirs,
    needsParents: result.needsParents,
  };
}

export async function settle(task: SettleTask): Promise<readonly CommittedFacts[]> {
  const kernel = loadKernel();
  const lists: FileList[] = task.parents.map(({ listPath }) => decodeFileList(readFileSync(listPath)));
  const lowers = task.parents.map(({ dir }) => dir).toReversed();
  const facts: CommittedFacts[] = [];
  let below = joinFileLists(lists);
  for (const layer of task.layers) {
    const settled = await settleLayer(kernel, layer, below, lowers);
    facts.push(settled.facts);
    below = joinFileLists([below, settled.list]);
    lowers.unshift(layer.active.fs);
  }
  return facts;
}

interface SettledLayer {
  readonly list: FileList;
  readonly facts: CommittedFacts;
}

async function settleLayer(
  kernel: Kernel,
  layer: SettleTask["layers"][number],
  below: FileList,
  lowers: readonly string[],
): Promise<SettledLayer> {
  const { active, unpacked } = layer;
  const list = decodeFileList(readFileSync(active.listPath));
  if (needsReapply(below, unpacked)) {
    return reapply(kernel, layer, lowers);
  }
  const fixed = fixImpliedDirs(kernel, active.fs, { list, impliedDirs: unpacked.impliedDirs }, below);
  writeList(active, fixed);
  return { list: fixed, facts: plainFacts(unpacked) };
}

/** Once more, onto its mounted parents, so that the kernel resolves what goes through them. */
async function reapply(kernel: Kernel, layer: UnpackTask, lowers: readonly string[]): Promise<SettledLayer> {
  const { active, blobPath, mediaType } = layer;
  for (const dir of [active.fs, active.work]) {
    rmSync(dir, { recursive: true, force: true });
    mkdirSync(dir, { mode: 0o755 });
  }
  let result: Unpacked;
  {
    using _mount = mountActive(kernel, lowers, active);
    result = await unpackLayer(kernel, { blobPath, mediaType, destDir: active.fs, root: active.mountpoint });
  }
  checkDiffId(layer, result);
  writeList(active, result.list);
  return { list: result.list, facts: factsOf(result) };
}

function checkDiffId(task: UnpackTask, { diffId }: Unpacked): void {
  if (diffId === task.expectedDiffId) return;
  throw new TsbuildError(
    "LAYER_MISMATCH",
    `a layer of the image is not what its config says: its content has the digest ${diffId}, the config says ${task.expectedDiffId}`,
    {
      hint: "the image is broken or was tampered with: pull it from another source",
    },
  );
}

function factsOf(result: Unpacked): CommittedFacts {
  return { isEmpty: result.list.every((entry) => entry.path === ""), sizeBytes: result.sizeBytes, diffId: result.diffId };
}

function plainFacts({ isEmpty, sizeBytes, diffId }: UnpackedFacts): CommittedFacts {
  return { isEmpty, sizeBytes, diffId };
}
