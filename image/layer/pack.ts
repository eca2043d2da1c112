/** Directories to layers: as a tar, as its digest only, or as a compressed blob. All three see the same bytes. */
import { createHash } from "node:crypto";
import type { BigIntStats } from "node:fs";
import { closeSync, openSync, writeSync } from "node:fs";
import { availableParallelism } from "node:os";
import type { Digest } from "../../base/digest.js";
import { digestFromHex } from "../../base/digest.js";
import type { Kernel } from "../../sys/types.js";
import type { FileEntry, FileList } from "../types.js";
import type { ChunkCodec, Compression } from "./chunk-codecs.js";
import { Chunker, openCodec } from "./chunk-codecs.js";
import { layerTar } from "./layer-tar.js";
import type { ScannedEntry } from "./scan.js";
import { diskBytesOf, hashScanned, linkNames, walkTree } from "./scan.js";

export interface PackOptions {
  /** No modification time in the tar is later than this: seconds since 1970. The list keeps the real ones. */
  readonly rewriteTimestampSec?: number | undefined;
}

/** Takes bytes and is done with them when `write` returns. */
export interface ByteSink {
  write(bytes: Uint8Array): void;
}

/**
 * Writes the layer's tar: equal lists over equal files give equal bytes.
 * @param dir in overlay's form @param list of `dir`, from `scanDirectory` or `scanAndDigest`
 * @throws {TsbuildError} TREE_CHANGED when a file is not what the list says; LAYER_RESERVED_NAME, LAYER_XATTR_NAME
 */
export function packLayer(
  _kernel: Kernel,
  dir: string,
  list: FileList,
  out: ByteSink,
  options: PackOptions = {},
): { readonly sizeBytes: number } {
  let sizeBytes = 0;
  for (const piece of layerTar(dir, list, options)) {
    sizeBytes += piece.length;
    out.write(piece);
  }
  return { sizeBytes };
}

export interface UpperScanOptions {
  readonly reuse?: ((relativePath: string, stat: BigIntStats) => Digest | undefined) | undefined;
}

export interface ScannedUpper {
  /** With the root as its first entry. */
  readonly list: FileEntry[];
  /** Nothing but the root is there. */
  readonly isEmpty: boolean;
  readonly diskBytes: number;
}

export interface DigestedUpper extends ScannedUpper {
  /** SHA-256 of the tar that `packLayer` would write. */
  readonly diffId: Digest;
  readonly tarSizeBytes: number;
}

/**
 * An overlay upper's list and the digest of its tar in one pass: each file is read once, no tar is written.
 * @throws {TsbuildError} as `scanDirectory` and `packLayer`
 */
export function scanAndDigest(kernel: Kernel, upperDir: string, options: UpperScanOptions & PackOptions = {}): DigestedUpper {
  const scanned = linkNames(walkTree(kernel, upperDir, { overlayUpper: true }));
  const list = scanned.map(({ draft, path, stat }) => {
    const known = draft.type === "file" ? options.reuse?.(path, stat) : undefined;
    if (known !== undefined) draft.digest = known;
    return draft;
  });
  const state = createHash("sha256");
  let tarSizeBytes = 0;
  for (const piece of layerTar(upperDir, list, { ...options, onDigest: (draft, digest) => void (draft.digest = digest) })) {
    state.update(piece);
    tarSizeBytes += piece.length;
  }
  return { ...facts(scanned, list), diffId: digestFromHex(state.digest("hex")), tarSizeBytes };
}

/**
 * The same without the diffID, for those who need none: files whose digest `reuse` knows are not read at all.
 * @throws {TsbuildError} TREE_CHANGED
 */
export function scanUpper(kernel: Kernel, upperDir: string, options: UpperScanOptions = {}): ScannedUpper {
  const scanned = linkNames(walkTree(kernel, upperDir, { overlayUpper: true }));
  hashScanned(upperDir, scanned, options.reuse);
  return facts(
    scanned,
    scanned.map(({ draft }) => draft),
  );
}

function facts(scanned: readonly ScannedEntry[], list: FileEntry[]): ScannedUpper {
  return { list, isEmpty: list.length <= 1, diskBytes: diskBytesOf(scanned) };
}

export interface CompressOptions extends PackOptions {
  readonly compression: Compression;
  /** gzip 0…9 (default 6), zstd 1…22 (default 3). */
  readonly level?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface CompressedLayer {
  /** Of the file at `destPath`. */
  readonly digest: Digest;
  readonly size: number;
  /** Of the tar within. */
  readonly diffId: Digest;
}

/**
 * Writes the layer's blob to `destPath`, replacing what is there; a failure may leave a part behind.
 * The bytes depend on the list, the files, compression and level only, never on the number of threads.
 * @throws {TsbuildError} as `packLayer`; COMPRESSION_LEVEL
 */
export async function compressLayer(
  _kernel: Kernel,
  dir: string,
  list: FileList,
  destPath: string,
  options: CompressOptions,
): Promise<CompressedLayer> {
  const codec = await openCodec(options.compression, options.level);
  const diff = createHash("sha256");
  const file = new HashedFile(destPath);
  const pending: Promise<Buffer>[] = [];
  try {
    file.write(codec.head);
    for (const ready of compressedChunks(codec, hashed(layerTar(dir, list, options), diff))) {
      options.signal?.throwIfAborted();
      // Its failure is met where it is awaited; until then it must not count as unhandled.
      ready.catch(() => {});
      pending.push(ready);
      if (pending.length >= CHUNKS_AT_ONCE) file.write((await pending.shift()) ?? EMPTY);
    }
    for (const ready of pending) file.write(await ready);
    file.write(codec.tail());
    return { ...file.facts(), diffId: digestFromHex(diff.digest("hex")) };
  } finally {
    await Promise.allSettled(pending);
    file.close();
  }
}

const EMPTY = Buffer.alloc(0);
/** More than the cores, so that none waits while this thread reads files. Each costs some mebibytes. */
const CHUNKS_AT_ONCE = Math.min(8, availableParallelism() + 1);

function* hashed(pieces: Iterable<Buffer>, state: ReturnType<typeof createHash>): Generator<Buffer, void, void> {
  for (const piece of pieces) {
    state.update(piece);
    yield piece;
  }
}

/** Starts the compression of one chunk after the other, in order. */
function* compressedChunks(codec: ChunkCodec, pieces: Iterable<Buffer>): Generator<Promise<Buffer>, void, void> {
  const chunker = new Chunker(codec.chunkBytes);
  let before: Buffer = EMPTY;
  const start = (chunk: Buffer): Promise<Buffer> => {
    codec.note(chunk);
    const compressed = codec.compress(chunk, before);
    before = chunk.subarray(Math.max(0, chunk.length - codec.lookbackBytes));
    return compressed;
  };
  for (const piece of pieces) for (const chunk of chunker.add(piece)) yield start(chunk);
  const rest = chunker.rest();
  if (rest.length > 0) yield start(rest);
}

/** A file being written, with its digest so far. */
class HashedFile {
  readonly #fd: number;
  readonly #state: ReturnType<typeof createHash> = createHash("sha256");
  #size = 0;

  constructor(path: string) {
    this.#fd = openSync(path, "w", 0o600);
  }

  write(bytes: Buffer): void {
    this.#state.update(bytes);
    for (let at = 0; at < bytes.length;) at += writeSync(this.#fd, bytes, at);
    this.#size += bytes.length;
  }

  facts(): { readonly digest: Digest; readonly size: number } {
    return { digest: digestFromHex(this.#state.digest("hex")), size: this.#size };
  }

  close(): void {
    closeSync(this.#fd);
  }
}
