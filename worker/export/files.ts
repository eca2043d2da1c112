/** A build's files to a folder or a tar of the caller's. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { formatPlatform } from "../../base/platform.js";
import type { CompiledBuild } from "../../frontend/compile/types.js";
import type { Result } from "../../solver/types.js";
import type { Output } from "../types.js";
import { intoPath } from "./archives.js";
import type { LayerWork } from "./layers.js";
import { isSplit } from "./options.js";

type FilesOutput = Extract<Output, { type: "local" | "tar" }>;

/** With several platforms each has a folder of its own: `linux_amd64`. */
export async function copyFiles(
  { store, pools, signal }: LayerWork,
  output: FilesOutput,
  compiled: CompiledBuild,
  results: readonly (Result | undefined)[],
  timestampSec: number | undefined,
): Promise<void> {
  await using scratch = await store.tempDir();
  const inFolders = isSplit(output, compiled.targets.length);
  const parts = await Promise.all(
    compiled.targets.map(async ({ platform }, index) => ({
      folder: inFolders ? formatPlatform(platform).replaceAll("/", "_") : "",
      lowers: await store.snapshots.lowers(results[index]?.chain ?? []),
    })),
  );
  if (output.type === "tar") {
    const write = async (path: string): Promise<void> => {
      await pools.run({ type: "copy-out", parts, scratchDir: scratch.path, dest: { type: "tar", path }, timestampSec }, { signal });
    };
    // awaited here: the scratch folder goes with this scope
    return await (output.dest === "-" ? write("-") : intoPath(store, output.dest, write));
  }
  mkdirSync(output.dest, { recursive: true });
  for (const { folder, lowers } of parts) {
    const path = join(output.dest, folder);
    mkdirSync(path, { recursive: true });
    await pools.run(
      { type: "copy-out", parts: [{ folder: "", lowers }], scratchDir: scratch.path, dest: { type: "local", path }, timestampSec },
      { signal },
    );
  }
}
