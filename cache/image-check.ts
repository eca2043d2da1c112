/** Whether all that an image record names is there and whole. */
import type { Digest } from "../base/digest.js";
import { TsbuildError } from "../base/errors.js";
import { MAX_MANIFEST_BYTES, parseManifestOrIndex } from "../image/parse.js";
import type { Descriptor, Manifest } from "../image/types.js";
import type { ContentStore, ImageRecord, SnapshotStore } from "./types.js";

export interface ImageParts {
  readonly content: ContentStore;
  readonly snapshots: SnapshotStore;
}

/** Its config and documents are there, and its layers, unpacked or as blobs. Suspect ones are proved on the way. */
export async function isImageWhole(record: ImageRecord, { content, snapshots }: ImageParts): Promise<boolean> {
  const documents = [record.id, record.manifest, record.target.digest];
  for (const digest of new Set(documents)) if ((await content.size(digest)) === undefined) return false;
  if (record.chain !== undefined && (await snapshots.hasAll(record.chain))) return true;
  const manifest = await manifestOf(record.manifest, content);
  if (manifest === undefined) return false;
  for (const layer of manifest.layers) if ((await content.size(layer.digest, layer.size)) === undefined) return false;
  return true;
}

/** Undefined when it is missing or no image manifest. */
export async function manifestOf(digest: Digest, content: ContentStore): Promise<Manifest | undefined> {
  const document = await readDocument(digest, content);
  return document?.type === "manifest" ? document.manifest : undefined;
}

/** Every digest that the documents below `digest` name, itself included; those that aren't there as well. */
export async function namedBlobs(digest: Digest, content: ContentStore, found: Set<Digest> = new Set()): Promise<ReadonlySet<Digest>> {
  if (found.has(digest)) return found;
  found.add(digest);
  const document = await readDocument(digest, content);
  if (document?.type === "index") {
    for (const child of document.index.manifests) await namedBlobs(child.digest, content, found);
  }
  if (document?.type === "manifest") {
    const parts: readonly Descriptor[] = [document.manifest.config, ...document.manifest.layers];
    for (const part of parts) found.add(part.digest);
  }
  return found;
}

/** Codes that mean: no such document, or none that is well-formed. */
const NO_DOCUMENT = /^(CONTENT_MISSING|CONTENT_TOO_LARGE|IMAGE_|JSON_)/;

async function readDocument(digest: Digest, content: ContentStore): Promise<ReturnType<typeof parseManifestOrIndex> | undefined> {
  try {
    return parseManifestOrIndex(await content.read(digest, MAX_MANIFEST_BYTES));
  } catch (error) {
    if (error instanceof TsbuildError && NO_DOCUMENT.test(error.code)) return undefined;
    throw error;
  }
}
