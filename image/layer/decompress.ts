/** A layer's blob as its tar, whatever it was compressed with. */
import { closeSync, createReadStream, fstatSync, openSync, readSync } from "node:fs";
import { pipeline } from "node:stream";
import type { ZlibOptions } from "node:zlib";
import { createGunzip } from "node:zlib";
import { layerCorrupt, layerUnsupported } from "./layer-errors.js";

const PIECE_BYTES = 1 << 18;
/** How much gunzip may be ahead of us, on a thread of its own. */
const AHEAD_BYTES = 1 << 20;

export interface OpenBlob {
  readonly blobBytes: number;
  /** The tar in pieces; a piece is only valid until the next is asked for. */
  readonly pieces: AsyncIterable<Buffer> | Iterable<Buffer>;
}

/**
 * Opens a blob by what it begins with: registries and their clients often get the media type wrong.
 * What is read throws LAYER_CORRUPT when the blob is cut short, damaged, or has something after its end.
 * @throws {TsbuildError} LAYER_UNSUPPORTED
 */
export function openBlob(blobPath: string, mediaType: string): OpenBlob {
  const fd = openSync(blobPath, "r");
  try {
    const head = Buffer.alloc(6);
    const length = readSync(fd, head, 0, head.length, 0);
    const blobBytes = fstatSync(fd).size;
    return { blobBytes, pieces: piecesOf(blobPath, formatOf(head.subarray(0, length), mediaType), blobBytes) };
  } finally {
    closeSync(fd);
  }
}

type Format = "tar" | "gzip" | "zstd";

const KNOWN_MAGIC: readonly (readonly [name: string, hex: string])[] = [
  ["gzip", "1f8b08"],
  ["zstd", "28b52ffd"],
  ["bzip2", "425a68"],
  ["xz", "fd377a585a00"],
  ["lz4", "04224d18"],
];

/** RFC 8878, 3.1.2: a zstd stream may begin with a skippable frame, 0x184D2A50 to 0x184D2A5F. */
const SKIPPABLE = /^5[0-9a-f]2a4d18/;

function formatOf(head: Buffer, mediaType: string): Format {
  if (/encrypted/.test(mediaType)) throw layerUnsupported(`its type is ${mediaType}, which is encrypted`);
  const hex = head.toString("hex");
  const magic = SKIPPABLE.test(hex) ? "zstd" : KNOWN_MAGIC.find(([, prefix]) => hex.startsWith(prefix))?.[0];
  if (magic === undefined) return "tar";
  if (magic === "gzip" || magic === "zstd") return magic;
  throw layerUnsupported(`it is compressed with ${magic} (media type ${mediaType}); layers are plain, gzip or zstd`);
}

function piecesOf(blobPath: string, format: Format, blobBytes: number): OpenBlob["pieces"] {
  switch (format) {
    case "tar":
      return filePieces(blobPath);
    case "gzip":
      return gunzipped(blobPath, blobBytes);
    case "zstd":
      return unzstded(blobPath);
  }
}

function* filePieces(path: string): Generator<Buffer, void, void> {
  const buffer = Buffer.allocUnsafeSlow(PIECE_BYTES);
  const fd = openSync(path, "r");
  try {
    for (let count = readSync(fd, buffer); count > 0; count = readSync(fd, buffer)) yield buffer.subarray(0, count);
  } finally {
    closeSync(fd);
  }
}

/** All members of a gzip file (RFC 1952, 2.2), unpacked on a thread of libuv's. */
async function* gunzipped(path: string, blobBytes: number): AsyncGenerator<Buffer, void, void> {
  // A stream's option, which zlib hands on though its types don't say so.
  const options: ZlibOptions & { readonly highWaterMark: number } = { chunkSize: PIECE_BYTES, highWaterMark: AHEAD_BYTES };
  const gunzip = createGunzip(options);
  // The loop below meets every failure, since it destroys gunzip.
  pipeline(createReadStream(path, { highWaterMark: PIECE_BYTES }), gunzip, () => {});
  try {
    for await (const piece of gunzip) yield piece;
  } catch (error) {
    if (!isZlibError(error)) throw error;
    throw layerCorrupt(`gunzip says "${error.message}"`, error);
  }
  // zlib stops at bytes that begin no member, without a word.
  if (gunzip.bytesWritten !== blobBytes) throw layerCorrupt("something follows the end of its gzip data");
}

function isZlibError(error: unknown): error is Error {
  return error instanceof Error && "code" in error && typeof error.code === "string" && error.code.startsWith("Z_");
}

/** All frames of a zstd file. The library refuses windows above 128 MiB by itself. */
async function* unzstded(path: string): AsyncGenerator<Buffer, void, void> {
  const { default: binding } = await import("zstd-napi/binding.js");
  const context = new binding.DCtx();
  const output = Buffer.allocUnsafeSlow(PIECE_BYTES);
  let isWithinFrame = false;
  for (const piece of filePieces(path)) {
    for (let input = piece, isFull = false; input.length > 0 || isFull;) {
      const [expected, produced, consumed] = zstdStep(() => context.decompressStream(output, input));
      if (produced === 0 && consumed === 0 && input.length > 0) throw layerCorrupt("its zstd data leads nowhere");
      isWithinFrame = expected !== 0;
      // A full buffer may hide more; a frame's end never does.
      isFull = produced === output.length && isWithinFrame;
      input = input.subarray(consumed);
      if (produced > 0) yield output.subarray(0, produced);
    }
  }
  if (isWithinFrame) throw layerCorrupt("its zstd data is cut short");
}

function zstdStep<T>(step: () => T): T {
  try {
    return step();
  } catch (error) {
    throw layerCorrupt(`zstd says "${error instanceof Error ? error.message : String(error)}"`, error);
  }
}
