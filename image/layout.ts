/** OCI image layouts (image-spec image-layout.md) as folders or tars. This file is the two ways in; the parts stand beside. */
import type { Readable, Writable } from "node:stream";
import { digestHex } from "../base/digest.js";
import type { BlobStore } from "./blob-store.js";
import { readArchive } from "./archive-reader.js";
import { imageContent, requirePresent } from "./image-content.js";
import { imagesOfIndex, indexBytes, LAYOUT_BYTES, type ImportedImage } from "./layout-index.js";
import { importLayoutFolder, writeLayoutFolder } from "./layout-folder.js";
import { packTar, verifiedStream, type TarFile } from "./tar-files.js";
import { invalidArchive } from "./tar-files.js";
import type { Descriptor } from "./types.js";

export interface WriteLayoutOptions {
  /** A tar stream is left open: who made it ends it. When writing fails it is destroyed. */
  readonly target: { readonly type: "dir"; readonly path: string } | { readonly type: "tar"; readonly stream: Writable };
  /** Manifests and indexes with the annotations that index.json shall have for them: see `namedRoot`. */
  readonly roots: readonly Descriptor[];
  readonly store: BlobStore;
  readonly signal: AbortSignal;
}

export interface ImportLayoutOptions {
  readonly source: { readonly type: "dir"; readonly path: string } | { readonly type: "tar"; readonly stream: Readable };
  readonly store: BlobStore;
  readonly signal: AbortSignal;
}

/**
 * Writes the images and all that they are made of. Equal images give equal tars: fixed order, no times, no owners.
 * A folder that is a layout already keeps its other images; a name that it has is moved.
 * @throws {TsbuildError} IMAGE_INCOMPLETE before anything is written, BLOB_MISMATCH when a blob of the store is damaged
 */
export async function writeOciLayout({ target, roots, store, signal }: WriteLayoutOptions): Promise<void> {
  const { blobs } = await imageContent(store, roots);
  await requirePresent(store, blobs);
  if (target.type === "dir") return await writeLayoutFolder({ path: target.path, roots, blobs, store, signal });
  await packTar(target.stream, layoutFiles({ roots, blobs, store, more: [] }), signal);
}

/**
 * Stores every blob that the layout's images need, each checked by its digest. Links and paths that lead out are refused.
 * @throws {TsbuildError} ARCHIVE_INVALID, IMAGE_INCOMPLETE, BLOB_MISMATCH
 */
export async function importOciLayout({ source, store, signal }: ImportLayoutOptions): Promise<readonly ImportedImage[]> {
  if (source.type === "dir") return await importLayoutFolder(source.path, store, signal);
  const contents = await readArchive(source.stream, store, signal);
  const index = contents.document("index.json");
  if (index === undefined) throw invalidArchive("it is not an OCI layout: index.json is missing");
  return await checkImported(store, imagesOfIndex(index, contents.document("oci-layout")));
}

/** @throws {TsbuildError} IMAGE_INCOMPLETE when something that the images need has not come */
export async function checkImported(store: BlobStore, images: readonly ImportedImage[]): Promise<readonly ImportedImage[]> {
  const { blobs } = await imageContent(
    store,
    images.map(({ descriptor }) => descriptor),
  );
  await requirePresent(store, blobs);
  return images;
}

/** The files of a layout in the order of its tar: what is small and describes the rest comes first. */
export function* layoutFiles(layout: {
  roots: readonly Descriptor[];
  blobs: readonly Descriptor[];
  store: BlobStore;
  more: readonly TarFile[];
}): Iterable<TarFile> {
  yield { name: "oci-layout", size: LAYOUT_BYTES.length, body: () => LAYOUT_BYTES };
  const index = indexBytes(layout.roots);
  yield { name: "index.json", size: index.length, body: () => index };
  yield* layout.more;
  yield { name: "blobs/", size: 0 };
  yield { name: "blobs/sha256/", size: 0 };
  for (const blob of [...layout.blobs].sort((a, b) => (a.digest < b.digest ? -1 : 1))) {
    yield { name: `blobs/sha256/${digestHex(blob.digest)}`, size: blob.size, body: () => verifiedStream(layout.store, blob) };
  }
}
