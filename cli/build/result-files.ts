import { randomBytes } from "node:crypto";
import { renameSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { TsbuildError } from "../../base/errors.js";
import type { BuildResult } from "../../worker/types.js";

export interface ResultFiles {
  readonly iidfile?: string | undefined;
  readonly metadataFile?: string | undefined;
}

/** Writes what --iidfile and --metadata-file ask for; paths are relative to `cwd`. @throws {TsbuildError} RESULT_FILE */
export function writeResultFiles(result: BuildResult, files: ResultFiles, cwd: string): void {
  if (files.iidfile !== undefined && result.imageId !== undefined) writeWhole("--iidfile", resolve(cwd, files.iidfile), result.imageId);
  if (files.metadataFile !== undefined)
    writeWhole("--metadata-file", resolve(cwd, files.metadataFile), `${JSON.stringify(result.metadata, null, 2)}\n`);
}

function writeWhole(flag: string, path: string, text: string): void {
  const temporary = `${path}.${randomBytes(6).toString("hex")}.tmp`;
  try {
    writeFileSync(temporary, text, { flag: "wx" });
    renameSync(temporary, path);
  } catch (cause) {
    throw new TsbuildError("RESULT_FILE", `${flag}: ${path} can't be written`, { cause });
  }
}
