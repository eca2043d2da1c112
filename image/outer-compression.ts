/** A stream that may be compressed as a whole, told by its first bytes. */
import { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { TsbuildError } from "../base/errors.js";

type Compression = "none" | "gzip" | "zstd" | "xz" | "bzip2";

const MAGICS: readonly (readonly [Compression, readonly number[]])[] = [
  ["gzip", [0x1f, 0x8b]],
  ["zstd", [0x28, 0xb5, 0x2f, 0xfd]],
  ["xz", [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]],
  ["bzip2", [0x42, 0x5a, 0x68]],
];
const LONGEST_MAGIC = 6;

export function sniffCompression(head: Uint8Array): Compression {
  return MAGICS.find(([, magic]) => magic.every((byte, at) => head[at] === byte))?.[0] ?? "none";
}

/** The streams to put in a pipeline, one after another: the source's bytes and, where needed, what uncompresses them. */
export async function uncompressed(source: Readable): Promise<readonly [Readable, ...NodeJS.ReadWriteStream[]]> {
  const { head, all } = await peek(source, LONGEST_MAGIC);
  const compression = sniffCompression(head);
  if (compression === "none") return [all];
  if (compression === "gzip") return [all, createGunzip()];
  if (compression === "zstd") {
    const { DecompressStream } = await import("zstd-napi");
    return [all, new DecompressStream()];
  }
  source.destroy();
  throw new TsbuildError("ARCHIVE_INVALID", `the archive is compressed with ${compression}`, {
    hint: `uncompress it first, or use gzip or zstd`,
  });
}

async function peek(source: Readable, length: number): Promise<{ head: Buffer; all: Readable }> {
  const iterator: AsyncIterator<unknown> = source[Symbol.asyncIterator]();
  const chunks: Buffer[] = [];
  let isEnded = false;
  while (!isEnded && chunks.reduce((sum, chunk) => sum + chunk.length, 0) < length) {
    const next = await iterator.next();
    if (next.done === true) isEnded = true;
    else chunks.push(asBuffer(next.value));
  }
  const head = Buffer.concat(chunks);
  const rest = async function* (): AsyncIterable<Buffer> {
    try {
      if (head.length > 0) yield head;
      for (let next = isEnded ? undefined : await iterator.next(); next !== undefined && next.done !== true; next = await iterator.next())
        yield asBuffer(next.value);
    } finally {
      source.destroy();
    }
  };
  return { head, all: Readable.from(rest(), { objectMode: false }) };
}

function asBuffer(chunk: unknown): Buffer {
  if (chunk instanceof Uint8Array) return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  throw new Error("Internal error: an archive stream that isn't bytes");
}
