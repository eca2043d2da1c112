/** Finds an image for `tsbuild inspect`. */
import { existsSync } from "node:fs";
import type { Store } from "../../cache/store.js";
import { TsbuildError } from "../../base/errors.js";
import { findImage } from "../../worker/store-commands/catalog.js";
import { imageChain, imageSize } from "../../worker/store-commands/size.js";
import { inspectedImage } from "./inspect-image.js";

/** Undefined when there is none: also for what can't be a name of an image, since it may be one of something else. */
export async function inspectImage(store: Store, text: string): Promise<object | undefined> {
  const image = (await found(store, text))?.image;
  if (image === undefined) return undefined;
  const directories = (await imageChain(store, image)).map((name) => store.snapshots.directory(name));
  return inspectedImage(image, {
    bytes: await imageSize(store, image),
    directories: directories.every((path) => existsSync(path)) ? directories : [],
  });
}

async function found(store: Store, text: string): ReturnType<typeof findImage> {
  try {
    return await findImage(store, text);
  } catch (error) {
    if (error instanceof TsbuildError && error.code === "REFERENCE_INVALID") return undefined;
    throw error;
  }
}
