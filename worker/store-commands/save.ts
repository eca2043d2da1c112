/** Images of the store into an archive. */
import type { Writable } from "node:stream";
import type { Platform } from "../../base/platform.js";
import { type SavedImage, writeDockerArchive } from "../../image/archive.js";
import { type Reference, formatReference, parseReference } from "../../image/reference.js";
import { type StoredImage, findImage, isImageId, listImages, requireImage } from "./catalog.js";
import { completeImage } from "./complete.js";
import type { ImageWork } from "./work.js";

export interface SelectedImage {
  readonly image: StoredImage;
  readonly names: readonly Reference[];
}

/**
 * An ID saves the image without a name, a name with a tag that name, a name alone all of its tags.
 * @throws {TsbuildError} IMAGE_NOT_FOUND, IMAGE_AMBIGUOUS, REFERENCE_INVALID
 */
export async function selectImages({ store }: Pick<ImageWork, "store">, texts: readonly string[]): Promise<readonly SelectedImage[]> {
  const selected = new Map<string, { image: StoredImage; names: Reference[] }>();
  for (const text of texts) {
    for (const { image, names } of await selectOne({ store }, text)) {
      const entry = selected.get(image.id) ?? { image, names: [] };
      const known = new Set(entry.names.map(formatReference));
      entry.names.push(...names.filter((name) => !known.has(formatReference(name))));
      selected.set(image.id, entry);
    }
  }
  return [...selected.values()];
}

async function selectOne({ store }: Pick<ImageWork, "store">, text: string): Promise<readonly SelectedImage[]> {
  const repository = nameAlone(text);
  if (repository !== undefined) {
    const isOfIt = (name: Reference): boolean => name.registry === repository.registry && name.repository === repository.repository;
    const images = (await listImages(store))
      .map((image) => ({ image, names: image.tags.filter(isOfIt) }))
      .filter(({ names }) => names.length > 0);
    if (images.length > 0) return images;
  }
  const { image, name } = (await findImage(store, text)) ?? (await requireImage(store, text));
  return [{ image, names: name?.tag === undefined ? [] : [name] }];
}

/** What is neither an ID nor has a tag or digest. */
function nameAlone(text: string): Reference | undefined {
  if (isImageId(text) || text.includes("@")) return undefined;
  const reference = parseReference(text);
  return reference.tag === undefined ? reference : undefined;
}

/** All layers are made ready before the first byte is written. @throws {TsbuildError} IMAGE_INCOMPLETE, IMAGE_PLATFORM */
export async function prepareArchive(
  work: ImageWork,
  selected: readonly SelectedImage[],
  platform: Platform | undefined,
): Promise<readonly SavedImage[]> {
  const images: SavedImage[] = [];
  for (const { image, names } of selected)
    images.push({ names, descriptor: await completeImage(work, image, { compression: "none", platform }) });
  return images;
}

export async function saveImages({ store, signal }: ImageWork, images: readonly SavedImage[], stream: Writable): Promise<void> {
  await writeDockerArchive({ stream, images, store: store.content, signal });
}
