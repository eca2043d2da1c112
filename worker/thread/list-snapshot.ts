/** The file list of a snapshot that was just written, with the diffID from the same reading where it is wanted. */
import { writeFileSync } from "node:fs";
import type { Digest } from "../../base/digest.js";
import { encodeFileList } from "../../image/layer/file-list.js";
import { scanAndDigest, scanUpper } from "../../image/layer/pack.js";
import type { FileList } from "../../image/types.js";
import type { Kernel } from "../../sys/types.js";
import type { ActivePaths, CommittedFacts } from "../tasks.js";

export interface ListedSnapshot {
  readonly list: FileList;
  readonly facts: CommittedFacts;
}

export interface ListOptions {
  readonly wantsDiffId: boolean;
  /** Digests of files that were just written, by path: those aren't read again for them. */
  readonly known?: ReadonlyMap<string, Digest> | undefined;
}

export function listSnapshot(kernel: Kernel, dir: string, { wantsDiffId, known }: ListOptions): ListedSnapshot {
  const options = known === undefined ? {} : { reuse: (path: string) => known.get(path) };
  if (wantsDiffId) {
    const { list, diffId, isEmpty, diskBytes } = scanAndDigest(kernel, dir, options);
    return { list, facts: { isEmpty, sizeBytes: diskBytes, diffId } };
  }
  const { list, isEmpty, diskBytes } = scanUpper(kernel, dir, options);
  return { list, facts: { isEmpty, sizeBytes: diskBytes } };
}

export function writeList(active: ActivePaths, list: FileList): void {
  writeFileSync(active.listPath, encodeFileList(list), { mode: 0o600 });
}
