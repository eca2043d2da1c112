/**
 * What `image` needs from a place that keeps blobs. The content store of the cache folder has this shape;
 * it is said again here because imports go down only.
 */
import type { Readable } from "node:stream";
import type { Digest } from "../base/digest.js";
import { TsbuildError } from "../base/errors.js";

/** Blobs by digest. What is visible is whole. */
export interface BlobStore {
  /** Size in bytes, or undefined when it isn't there or is of another size than `expectedSize`. */
  size(digest: Digest, expectedSize?: number): Promise<number | undefined>;
  /** @throws {TsbuildError} CONTENT_MISSING */
  read(digest: Digest, maxBytes?: number): Promise<Buffer>;
  stream(digest: Digest): Readable;
  /** Stores bytes that are in memory; content that exists already is success. */
  put(bytes: Uint8Array, expected?: Digest): Promise<Digest>;
  /** Begins an ingestion: nothing is visible before `commit`; disposing drops it. */
  writer(): Promise<BlobWriter>;
}

export interface BlobWriter extends AsyncDisposable {
  write(chunk: Uint8Array): Promise<void>;
  /** Checks what was written and publishes it. @throws {TsbuildError} CONTENT_MISMATCH */
  commit(expected?: { readonly digest?: Digest; readonly size?: number }): Promise<Digest>;
}

/** Commits what came from outside: a mismatch is then the sender's fault. @throws {TsbuildError} BLOB_MISMATCH with `problem` as its message */
export async function commitChecked(
  writer: BlobWriter,
  expected: { readonly digest: Digest; readonly size: number },
  problem: string,
): Promise<Digest> {
  try {
    return await writer.commit({ digest: expected.digest, size: expected.size });
  } catch (cause) {
    if (!(cause instanceof TsbuildError) || cause.code !== "CONTENT_MISMATCH") throw cause;
    throw new TsbuildError("BLOB_MISMATCH", problem, { cause, hint: "nothing was kept" });
  }
}
