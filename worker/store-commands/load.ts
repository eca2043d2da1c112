/** Images of an archive into the store, ready to run. */
import type { Readable } from "node:stream";
import type { Digest } from "../../base/digest.js";
import { hostPlatform, type Platform } from "../../base/platform.js";
import { loadArchive } from "../../image/archive.js";
import { type Reference, familiarName, parseReference } from "../../image/reference.js";
import { adoptImage, manifestFor, readImage } from "./adopt.js";
import { keepFormer } from "./names.js";
import type { ImageWork } from "./work.js";

export interface LoadedImage {
  readonly id: Digest;
  readonly names: readonly Reference[];
  /** Names that meant another image before, with its ID. */
  readonly moved: readonly { readonly name: Reference; readonly from: Digest }[];
}

/**
 * Docker archives and OCI layouts as tars, compressed or not. Needs no network afterwards.
 * @throws {TsbuildError} ARCHIVE_INVALID, IMAGE_*, BLOB_MISMATCH, LAYER_*
 */
export async function loadImages(work: ImageWork, stream: Readable, platform: Platform | undefined): Promise<readonly LoadedImage[]> {
  const { store } = work;
  const loaded: LoadedImage[] = [];
  for (const { names: texts, descriptor } of await loadArchive(stream, store.content, work.signal)) {
    const names = texts.map(parseReference);
    const [first] = names;
    const name = first === undefined ? descriptor.digest : familiarName(first);
    const manifest = await manifestFor(store, descriptor, {
      platform: platform ?? hostPlatform(),
      isRequired: platform !== undefined,
      name,
    });
    const {
      manifest: { config },
    } = await readImage(store, manifest);
    const moved = await formerOwners(work, names, config.digest);
    const id = await adoptImage(work, { target: descriptor, manifest, names, source: undefined });
    loaded.push({ id, names, moved });
  }
  return loaded;
}

async function formerOwners({ store }: ImageWork, names: readonly Reference[], id: Digest): Promise<LoadedImage["moved"]> {
  const moved: { readonly name: Reference; readonly from: Digest }[] = [];
  for (const name of names) {
    const former = await keepFormer(store, name, { id });
    if (former !== undefined) moved.push({ name, from: former.id });
  }
  return moved;
}
