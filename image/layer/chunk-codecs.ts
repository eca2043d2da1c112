/**
 * Compression of a stream in independent chunks of fixed size, so that chunks may be compressed at the same time and
 * the bytes still don't depend on how many are.
 */
import { constants, crc32, deflateRaw } from "node:zlib";
import { promisify } from "node:util";
import { TsbuildError } from "../../base/errors.js";

export type Compression = "none" | "gzip" | "zstd";

export interface ChunkCodec {
  readonly chunkBytes: number;
  /** How many bytes before a chunk `compress` wants to see. */
  readonly lookbackBytes: number;
  readonly head: Buffer;
  /** May run at the same time as others. */
  compress(chunk: Buffer, before: Buffer): Promise<Buffer>;
  /** Told each chunk once, in order. */
  note(chunk: Buffer): void;
  /** After the last chunk. */
  tail(): Buffer;
}

/** @throws {TsbuildError} COMPRESSION_LEVEL when the level doesn't exist */
export async function openCodec(compression: Compression, level: number | undefined): Promise<ChunkCodec> {
  switch (compression) {
    case "none":
      return plainCodec();
    case "gzip":
      return gzipCodec(checkLevel(level ?? 6, "gzip", [0, 9]));
    case "zstd":
      return zstdCodec(checkLevel(level ?? 3, "zstd", [1, 22]));
  }
}

function checkLevel(level: number, name: string, [least, most]: readonly [number, number]): number {
  if (Number.isInteger(level) && level >= least && level <= most) return level;
  throw new TsbuildError("COMPRESSION_LEVEL", `${level} is not a compression level of ${name}`, {
    hint: `choose a whole number from ${least} to ${most}`,
  });
}

const NOTHING = Buffer.alloc(0);
const MEBIBYTE = 1 << 20;

function plainCodec(): ChunkCodec {
  return {
    chunkBytes: MEBIBYTE,
    lookbackBytes: 0,
    head: NOTHING,
    compress: (chunk) => Promise.resolve(chunk),
    note: () => {},
    tail: () => NOTHING,
  };
}

const deflate = promisify<Buffer, object, Buffer>(deflateRaw);

/** RFC 1952: no name, no time, unknown system. */
const GZIP_HEAD = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);
/** RFC 1951: an empty last block. */
const DEFLATE_END = Buffer.from([3, 0]);
const DEFLATE_WINDOW = 1 << 15;

/**
 * One gzip member: each chunk ends on a byte boundary (Z_SYNC_FLUSH), so that chunks can be put together, and begins with the window
 * that a reader has at that place as its dictionary.
 */
function gzipCodec(level: number): ChunkCodec {
  let crc = 0;
  let size = 0;
  return {
    chunkBytes: MEBIBYTE,
    lookbackBytes: DEFLATE_WINDOW,
    head: GZIP_HEAD,
    compress: (chunk, before) =>
      deflate(chunk, { level, finishFlush: constants.Z_SYNC_FLUSH, ...(before.length > 0 && { dictionary: before }) }),
    note(chunk) {
      crc = crc32(chunk, crc);
      size += chunk.length;
    },
    tail() {
      const trailer = Buffer.alloc(8);
      trailer.writeUInt32LE(crc, 0);
      trailer.writeUInt32LE(size % 2 ** 32, 4);
      return Buffer.concat([DEFLATE_END, trailer]);
    },
  };
}

/** One zstd frame per chunk (RFC 8878, 3: frames may follow each other), each with its content's checksum. */
async function zstdCodec(level: number): Promise<ChunkCodec> {
  const { Compressor } = await import("zstd-napi");
  const compressor = new Compressor();
  compressor.setParameters({ compressionLevel: level, checksumFlag: true });
  // eslint-disable-next-line @typescript-eslint/require-await
  const compress = async (chunk: Buffer): Promise<Buffer> => compressor.compress(chunk);
  return { chunkBytes: 4 * MEBIBYTE, lookbackBytes: 0, head: NOTHING, compress, note: () => {}, tail: () => NOTHING };
}

/** Cuts pieces of any size into chunks of one size. */
export class Chunker {
  readonly #chunkBytes: number;
  #chunk: Buffer;
  #used = 0;

  constructor(chunkBytes: number) {
    this.#chunkBytes = chunkBytes;
    this.#chunk = Buffer.allocUnsafeSlow(chunkBytes);
  }

  /** Copies the piece and yields the chunks that became full. They are the caller's to keep. */
  *add(piece: Buffer): Generator<Buffer, void, void> {
    for (let at = 0; at < piece.length;) {
      const copied = piece.copy(this.#chunk, this.#used, at);
      at += copied;
      this.#used += copied;
      if (this.#used === this.#chunkBytes) yield this.rest();
    }
  }

  /** What is left, possibly nothing. */
  rest(): Buffer {
    const chunk = this.#chunk.subarray(0, this.#used);
    this.#chunk = Buffer.allocUnsafeSlow(this.#chunkBytes);
    this.#used = 0;
    return chunk;
  }
}
