/** The tar in a file, whatever it is compressed with; the content decides, not the name. */
import type { ChildProcessByStdio } from "node:child_process";
import { spawn } from "node:child_process";
import { readSync } from "node:fs";
import { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { isErrno, TsbuildError } from "../../base/errors.js";
import { isTarHeader, TAR_BLOCK } from "./archive-header.js";

type Compression = "none" | "gzip" | "bzip2" | "xz" | "zstd";

const MAGIC: readonly { readonly compression: Compression; readonly bytes: Buffer }[] = [
  { compression: "gzip", bytes: Buffer.from([0x1f, 0x8b, 0x08]) },
  { compression: "bzip2", bytes: Buffer.from("BZh") },
  { compression: "xz", bytes: Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]) },
  { compression: "zstd", bytes: Buffer.from([0x28, 0xb5, 0x2f, 0xfd]) },
];

/** What the first bytes of a file say. */
export function compressionOf(start: Buffer): Compression {
  return MAGIC.find(({ bytes }) => start.subarray(0, bytes.length).equals(bytes))?.compression ?? "none";
}

export interface TarStream extends AsyncDisposable {
  /** The uncompressed tar, from its first byte. */
  readonly chunks: AsyncIterable<Buffer>;
}

/**
 * Opens what an open file holds, at its start; undefined when that is no tar. Disposing ends a decompressor that still runs.
 * @throws {TsbuildError} ARCHIVE_TOOL_MISSING when bzip2 or xz isn't installed
 */
export async function openTar(fd: number): Promise<TarStream | undefined> {
  const start = Buffer.alloc(TAR_BLOCK);
  const length = readSync(fd, start, 0, start.length, 0);
  const compression = compressionOf(start.subarray(0, length));
  if (compression === "none" && !isTarHeader(start.subarray(0, length))) return undefined;
  const source = await decompressed(fd, compression);
  const iterator: AsyncIterator<Buffer, undefined> = source.stream[Symbol.asyncIterator]();
  const first = await firstBlock(iterator, source.failure);
  if (first === undefined || !isTarHeader(first)) {
    source.end();
    return undefined;
  }
  return {
    chunks: chain(first, iterator, source.failure),
    [Symbol.asyncDispose]: () => {
      source.end();
      return Promise.resolve();
    },
  };
}

interface Decompressed {
  readonly stream: AsyncIterable<Buffer>;
  /** What went wrong in a program, once its output has ended. */
  readonly failure: () => Promise<TsbuildError | undefined>;
  readonly end: () => void;
}

async function decompressed(fd: number, compression: Compression): Promise<Decompressed> {
  if (compression === "bzip2" || compression === "xz") return byProgram(fd, compression);
  const failure = (): Promise<undefined> => Promise.resolve(undefined);
  if (compression === "none") return { stream: fileChunks(fd), failure, end: () => undefined };
  // not a ReadStream: destroying one closes a descriptor that isn't its own
  const file = Readable.from(fileChunks(fd));
  const decoder = compression === "gzip" ? createGunzip() : new (await import("zstd-napi")).DecompressStream();
  file.on("error", (error) => decoder.destroy(error)).pipe(decoder);
  const end = (): void => {
    file.destroy();
    decoder.destroy();
  };
  return { stream: decoder, failure, end };
}

const CHUNK = 256 * 1024;

async function* fileChunks(fd: number): AsyncGenerator<Buffer> {
  for (let position = 0; ;) {
    const chunk = Buffer.allocUnsafe(CHUNK);
    const length = readSync(fd, chunk, 0, CHUNK, position);
    if (length === 0) return;
    position += length;
    yield chunk.subarray(0, length);
  }
}

/** Nothing of the caller's environment decides which program runs. */
const SAFE_ENV = { PATH: "/usr/bin:/bin", LC_ALL: "C" };
const MOST_STDERR = 2000;

function byProgram(fd: number, program: "bzip2" | "xz"): Decompressed {
  // as a program's standard input the descriptor is read from where it stands: at the start, since nothing moved it
  const child = spawn(program, ["-d", "-c"], { env: SAFE_ENV, cwd: "/", stdio: [fd, "pipe", "pipe"] }) as ChildProcessByStdio<
    null,
    Readable,
    Readable
  >;
  let stderr = "";
  child.stderr.on("data", (chunk: Buffer) => {
    if (stderr.length < MOST_STDERR) stderr += chunk.toString("latin1");
  });
  const exited = new Promise<TsbuildError | undefined>((resolve) => {
    child.once("error", (error) => {
      resolve(programError(program, error));
    });
    child.once("close", (code) => {
      resolve(
        code === 0
          ? undefined
          : new TsbuildError("ARCHIVE_BROKEN", `${program} can't unpack the archive: ${stderr.trim().slice(0, MOST_STDERR)}`),
      );
    });
  });
  return { stream: child.stdout, failure: () => exited, end: () => child.kill("SIGKILL") };
}

function programError(program: string, error: Error): TsbuildError {
  if (!isErrno(error, "ENOENT")) return new TsbuildError("ARCHIVE_BROKEN", `can't run ${program}: ${error.message}`, { cause: error });
  return new TsbuildError(
    "ARCHIVE_TOOL_MISSING",
    `the archive is compressed with ${program}, and there is no program "${program}" on this machine`,
    {
      hint:
        program === "xz"
          ? "install the package xz-utils, or use ADD --unpack=false"
          : "install the package bzip2, or use ADD --unpack=false",
    },
  );
}

/** The first bytes of the uncompressed content, at least a block if there is one. What can't be decompressed is no archive. */
async function firstBlock(iterator: AsyncIterator<Buffer, undefined>, failure: Decompressed["failure"]): Promise<Buffer | undefined> {
  let start: Buffer = Buffer.alloc(0);
  try {
    while (start.length < TAR_BLOCK) {
      const next = await iterator.next();
      if (next.done === true) break;
      start = Buffer.concat([start, next.value]);
    }
  } catch {
    return undefined;
  }
  if (start.length >= TAR_BLOCK) return start;
  const error = await failure();
  if (error?.code === "ARCHIVE_TOOL_MISSING") throw error;
  return undefined;
}

async function* chain(first: Buffer, iterator: AsyncIterator<Buffer, undefined>, failure: Decompressed["failure"]): AsyncGenerator<Buffer> {
  yield first;
  for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) yield next.value;
  const error = await failure();
  if (error !== undefined) throw error;
}
