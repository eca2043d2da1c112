import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { digestFromHex, sha256Digest, type Digest } from "../base/digest.js";
import { TsbuildError } from "../base/errors.js";
import type { BlobStore, BlobWriter } from "./blob-store.js";

/** Blobs in memory, for images that are small and short-lived, such as those of tests. */
export class MemoryBlobStore implements BlobStore {
  readonly #blobs = new Map<Digest, Buffer>();

  async size(digest: Digest, expectedSize?: number): Promise<number | undefined> {
    const size = this.#blobs.get(digest)?.length;
    return expectedSize === undefined || size === expectedSize ? size : undefined;
  }

  async read(digest: Digest, maxBytes: number = Infinity): Promise<Buffer> {
    const bytes = this.#get(digest);
    if (bytes.length > maxBytes) throw new TsbuildError("CONTENT_TOO_LARGE", `${digest} has ${bytes.length} bytes, more than ${maxBytes}`);
    return bytes;
  }

  stream(digest: Digest): Readable {
    return Readable.from(inChunks(this.#get(digest)), { objectMode: false });
  }

  async put(bytes: Uint8Array, expected?: Digest): Promise<Digest> {
    const digest = sha256Digest(bytes);
    if (expected !== undefined && expected !== digest) throw mismatch(`${expected}`, digest);
    this.#blobs.set(digest, Buffer.from(bytes));
    return digest;
  }

  async writer(): Promise<BlobWriter> {
    const chunks: Buffer[] = [];
    const hash = createHash("sha256");
    return {
      write: async (chunk) => {
        chunks.push(Buffer.from(chunk));
        hash.update(chunk);
      },
      commit: async (expected = {}) => {
        const bytes = Buffer.concat(chunks);
        const digest = digestFromHex(hash.digest("hex"));
        if (expected.digest !== undefined && expected.digest !== digest) throw mismatch(expected.digest, digest);
        if (expected.size !== undefined && expected.size !== bytes.length)
          throw mismatch(`${expected.size} bytes`, `${bytes.length} bytes`);
        this.#blobs.set(digest, bytes);
        return digest;
      },
      [Symbol.asyncDispose]: async () => {
        chunks.length = 0;
      },
    };
  }

  delete(digest: Digest): void {
    this.#blobs.delete(digest);
  }

  digests(): readonly Digest[] {
    return [...this.#blobs.keys()].sort();
  }

  #get(digest: Digest): Buffer {
    const bytes = this.#blobs.get(digest);
    if (bytes === undefined) throw new TsbuildError("CONTENT_MISSING", `${digest} is not in the store`);
    return bytes;
  }
}

const CHUNK_BYTES = 64 * 1024;

function* inChunks(bytes: Buffer): Iterable<Buffer> {
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) yield bytes.subarray(at, at + CHUNK_BYTES);
}

function mismatch(expected: string, found: string): TsbuildError {
  return new TsbuildError("CONTENT_MISMATCH", `expected ${expected}, found ${found}`);
}
