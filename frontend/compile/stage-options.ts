import type { Platform } from "../../base/platform.js";
import type { ImageLookup } from "./image-lookup.js";
import type { SourceTreeOptions } from "./source-trees.js";
import type { StagedFile } from "./stage.js";
import type { RunDefaults } from "./step.js";

/** What compiling the stages for one target platform needs. */
export interface StageCompilerOptions extends SourceTreeOptions {
  readonly file: StagedFile;
  readonly target: Platform;
  readonly globalArgs: ReadonlyMap<string, string>;
  readonly images: ImageLookup;
  readonly run: RunDefaults;
  /** Several platforms are built: names and places say which. */
  readonly isOneOfSeveral: boolean;
}
