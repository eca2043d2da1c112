/** An image from the store to a registry: blobs first, then manifests, then what the name points at. */
import type { Digest } from "../base/digest.js";
import { TsbuildError } from "../base/errors.js";
import type { BlobStore } from "./blob-store.js";
import { imageContent } from "./image-content.js";
import { MAX_MANIFEST_BYTES } from "./parse.js";
import { withDefaultTag, type Reference } from "./reference.js";
import type { RegistryClient } from "./registry/client.js";
import type { Descriptor } from "./types.js";

export interface PushOptions {
  readonly client: RegistryClient;
  readonly store: BlobStore;
  /** With a tag, or `latest`; with a digest alone, nothing is tagged. */
  readonly reference: Reference;
  /** Manifest or index. */
  readonly root: Descriptor;
  readonly signal: AbortSignal;
  /** A repository of the same registry that a blob may be mounted from, if one is known. */
  readonly mountFrom?: ((digest: Digest) => string | undefined) | undefined;
  readonly onProgress?: ((blob: Descriptor, currentBytes: number) => void) | undefined;
}

const PARALLEL_UPLOADS = 4;

/**
 * Returns the root's digest. A layer that the registry has already need not be in the store.
 * @throws {TsbuildError} IMAGE_INCOMPLETE, REGISTRY_*
 */
export async function pushImage(options: PushOptions): Promise<Digest> {
  const content = await imageContent(options.store, [options.root]);
  await pushBlobs(options, content.parts);
  const { tag } = options.reference.digest === undefined ? withDefaultTag(options.reference) : options.reference;
  try {
    await pushDocuments(options, content.documents, tag);
  } catch (error) {
    // A registry that has lost a blob it had acknowledged says so now: look again, send what lacks, once.
    if (!(error instanceof TsbuildError) || error.code !== "REGISTRY_ERROR" || !/BLOB_UNKNOWN|blob unknown/i.test(error.message))
      throw error;
    await pushBlobs(options, content.parts);
    await pushDocuments(options, content.documents, tag);
  }
  return options.root.digest;
}

async function pushBlobs(options: PushOptions, blobs: readonly Descriptor[]): Promise<void> {
  const failing = new AbortController();
  const signal = AbortSignal.any([options.signal, failing.signal]);
  const queue = [...blobs];
  const lane = async (): Promise<void> => {
    for (let blob = queue.shift(); blob !== undefined; blob = queue.shift()) await pushBlob(options, blob, signal);
  };
  const lanes = Array.from({ length: PARALLEL_UPLOADS }, () =>
    lane().catch((error: unknown) => {
      failing.abort(error);
      throw error;
    }),
  );
  const [failure] = (await Promise.allSettled(lanes)).filter((result) => result.status === "rejected");
  options.signal.throwIfAborted();
  if (failure !== undefined) throw failing.signal.reason;
}

async function pushBlob(
  { client, store, reference, mountFrom, onProgress }: PushOptions,
  blob: Descriptor,
  signal: AbortSignal,
): Promise<void> {
  const from = mountFrom?.(blob.digest);
  const isThere =
    (await client.blobExists(reference, blob.digest, signal)) ||
    (from !== undefined && from !== reference.repository && (await client.mountBlob(reference, blob.digest, from, signal)));
  if (!isThere) {
    if ((await store.size(blob.digest, blob.size)) === undefined) {
      throw new TsbuildError("IMAGE_INCOMPLETE", `the blob ${blob.digest} is neither in the store nor in the registry`);
    }
    await client.uploadBlob(
      reference,
      blob,
      () => store.stream(blob.digest),
      signal,
      (current) => onProgress?.(blob, current),
    );
  }
  onProgress?.(blob, blob.size);
}

/** Children by digest, the root (it is the last) by its tag. */
async function pushDocuments(
  { client, store, reference, signal }: PushOptions,
  documents: readonly Descriptor[],
  tag: string | undefined,
): Promise<void> {
  for (const [at, { digest, mediaType }] of documents.entries()) {
    const isRoot = at === documents.length - 1;
    await client.putManifest(
      reference,
      (isRoot ? tag : undefined) ?? digest,
      { bytes: await store.read(digest, MAX_MANIFEST_BYTES), mediaType },
      signal,
    );
  }
}
