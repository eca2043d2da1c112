/** Plain files as a tar that depends on nothing but their names and bytes. */
import { createHash } from "node:crypto";
import type { Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { digestFromHex } from "../base/digest.js";
import { TsbuildError } from "../base/errors.js";
import type { BlobStore } from "./blob-store.js";
import type { Descriptor } from "./types.js";

/** A file, or a folder when its name ends in a slash. */
export interface TarFile {
  readonly name: string;
  readonly size: number;
  /** Called when the file's turn has come. */
  readonly body?: () => Buffer | AsyncIterable<Buffer>;
}

export function invalidArchive(problem: string, cause?: unknown): TsbuildError {
  return new TsbuildError("ARCHIVE_INVALID", `the archive can't be read: ${problem}`, { cause });
}

/** Writes the files in the order given, as root, with time 0. Resolves when the stream has taken all of it; it is left open, and destroyed when this fails. */
export async function packTar(stream: Writable, files: Iterable<TarFile>, signal: AbortSignal): Promise<void> {
  const { pack: newPack } = await import("tar-stream");
  const pack = newPack();
  const failing = new AbortController();
  const either = AbortSignal.any([signal, failing.signal]);
  const draining = pipeline(pack, stream, { signal: either, end: false });
  const filling = (async () => {
    for (const file of files) await addFile(pack, file, either);
    pack.finalize();
  })();
  const results = await Promise.allSettled(
    [draining, filling].map((work) =>
      work.catch((error: unknown) => {
        failing.abort(error);
        throw error;
      }),
    ),
  );
  signal.throwIfAborted();
  if (results.some(({ status }) => status === "rejected")) throw failing.signal.reason;
}

async function addFile(pack: import("tar-stream").Pack, { name, size, body }: TarFile, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const isFolder = name.endsWith("/");
  const header = {
    name,
    size,
    mode: isFolder ? 0o755 : 0o644,
    mtime: new Date(0),
    uid: 0,
    gid: 0,
    type: isFolder ? "directory" : "file",
  } as const;
  const content = body?.();
  if (isFolder || content === undefined || Buffer.isBuffer(content)) {
    pack.entry(header, Buffer.isBuffer(content) ? content : Buffer.alloc(0));
    return;
  }
  await pipeline(content, pack.entry(header), { signal });
}

/** A blob of the store, checked on its way out: a damaged one makes the output fail. */
export async function* verifiedStream(store: BlobStore, { digest, size }: Descriptor): AsyncGenerator<Buffer> {
  const hash = createHash("sha256");
  let length = 0;
  for await (const chunk of store.stream(digest)) {
    if (!Buffer.isBuffer(chunk)) throw new Error("Internal error: a blob stream that isn't bytes");
    hash.update(chunk);
    length += chunk.length;
    if (length > size) break;
    yield chunk;
  }
  if (length !== size || digestFromHex(hash.digest("hex")) !== digest) {
    throw new TsbuildError("BLOB_MISMATCH", `the blob ${digest} in the store is damaged`, { hint: "run: tsbuild store check" });
  }
}
