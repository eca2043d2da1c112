/** Layers as tars: their digests, and blobs of them. */
import { readFileSync } from "node:fs";
import { type Digest, digestFromHex } from "../../base/digest.js";
import { decodeFileList } from "../../image/layer/file-list.js";
import { createHash } from "node:crypto";
import { compressLayer, packLayer } from "../../image/layer/pack.js";
import { loadKernel } from "../../sys/kernel.js";
import type { CompressTask, DiffIdTask, TaskResults } from "../tasks.js";

export async function compress(task: CompressTask): Promise<TaskResults["compress"]> {
  const { dir, destPath, compression, level, timestampSec } = task;
  const list = decodeFileList(readFileSync(task.listPath));
  return compressLayer(loadKernel(), dir, list, destPath, {
    compression,
    ...(level === undefined ? {} : { level }),
    ...(timestampSec === undefined ? {} : { rewriteTimestampSec: timestampSec }),
  });
}

export function diffId(task: DiffIdTask): Digest {
  const hash = createHash("sha256");
  packLayer(loadKernel(), task.dir, decodeFileList(readFileSync(task.listPath)), { write: (bytes) => void hash.update(bytes) });
  return digestFromHex(hash.digest("hex"));
}
