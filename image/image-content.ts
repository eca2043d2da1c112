/** Everything that an image is made of, found by reading its manifests in the store. */
import { TsbuildError } from "../base/errors.js";
import type { Digest } from "../base/digest.js";
import type { BlobStore } from "./blob-store.js";
import { isIndexType, isManifestType, MAX_MANIFEST_BYTES, parseManifestOrIndex } from "./parse.js";
import type { Descriptor, Manifest } from "./types.js";

export interface ImageContent {
  /** Each blob once: layers and configs before the manifests that name them, those before their indexes. */
  readonly blobs: readonly Descriptor[];
  /** The same without manifests and indexes. */
  readonly parts: readonly Descriptor[];
  /** Manifests and indexes, children first. */
  readonly documents: readonly Descriptor[];
  readonly manifests: readonly { readonly descriptor: Descriptor; readonly manifest: Manifest }[];
}

const MAX_DEPTH = 4;

/**
 * Follows the roots. Of an index, children that are not in the store are left out (an image that was pulled for one platform has the
 * others named only), but not all of them. Layers and configs are not looked for: see `requirePresent`.
 * @throws {TsbuildError} IMAGE_INCOMPLETE, IMAGE_INVALID
 */
export async function imageContent(store: BlobStore, roots: readonly Descriptor[]): Promise<ImageContent> {
  const parts = new Map<Digest, Descriptor>();
  const documents = new Map<Digest, Descriptor>();
  const manifests: { readonly descriptor: Descriptor; readonly manifest: Manifest }[] = [];
  const visit = async (descriptor: Descriptor, depth: number): Promise<void> => {
    if (documents.has(descriptor.digest)) return;
    if (depth > MAX_DEPTH) throw new TsbuildError("IMAGE_INVALID", `image indexes are nested deeper than ${MAX_DEPTH} levels`);
    const parsed = parseManifestOrIndex(await readDocument(store, descriptor), descriptor.mediaType);
    if (parsed.type === "manifest") {
      for (const part of [...parsed.manifest.layers, parsed.manifest.config]) parts.set(part.digest, part);
      manifests.push({ descriptor, manifest: parsed.manifest });
    } else {
      const children = await presentChildren(store, descriptor, parsed.index.manifests);
      for (const child of children) await visit(child, depth + 1);
    }
    documents.set(descriptor.digest, descriptor);
  };
  for (const root of roots) await visit(root, 0);
  return { blobs: [...parts.values(), ...documents.values()], parts: [...parts.values()], documents: [...documents.values()], manifests };
}

/** @throws {TsbuildError} IMAGE_INCOMPLETE that names what is missing */
export async function requirePresent(store: BlobStore, descriptors: readonly Descriptor[]): Promise<void> {
  for (const { digest, size } of descriptors) {
    if ((await store.size(digest, size)) === undefined) throw incomplete(`the blob ${digest} (${size} bytes) is missing`);
  }
}

async function presentChildren(store: BlobStore, parent: Descriptor, children: readonly Descriptor[]): Promise<readonly Descriptor[]> {
  const present: Descriptor[] = [];
  for (const child of children) {
    if (!isIndexType(child.mediaType) && !isManifestType(child.mediaType))
      throw new TsbuildError(
        "IMAGE_INVALID",
        `the index ${parent.digest} names a ${child.mediaType.slice(0, 100)}, which is no kind of image`,
      );
    if ((await store.size(child.digest, child.size)) !== undefined) present.push(child);
  }
  if (present.length === 0 && children.length > 0) throw incomplete(`none of the images that the index ${parent.digest} names is there`);
  return present;
}

async function readDocument(store: BlobStore, descriptor: Descriptor): Promise<Buffer> {
  if (descriptor.size > MAX_MANIFEST_BYTES)
    throw new TsbuildError("IMAGE_INVALID", `${descriptor.digest} is said to have ${descriptor.size} bytes, too many for a manifest`);
  if ((await store.size(descriptor.digest, descriptor.size)) === undefined)
    throw incomplete(`the manifest ${descriptor.digest} (${descriptor.size} bytes) is missing`);
  return await store.read(descriptor.digest, MAX_MANIFEST_BYTES);
}

function incomplete(problem: string): TsbuildError {
  return new TsbuildError("IMAGE_INCOMPLETE", `the image is not complete: ${problem}`);
}
