/** A directory and its file list as the tar of a layer (OCI image-spec, layer.md). */
import { createHash, hash } from "node:crypto";
import type { Hash } from "node:crypto";
import { closeSync, fstatSync } from "node:fs";
import type { Digest } from "../../base/digest.js";
import { digestFromHex } from "../../base/digest.js";
import { TsbuildError } from "../../base/errors.js";
import type { FileEntry } from "../types.js";
import { baseName, joinPath, parentPath } from "./entry.js";
import { EMPTY_DIGEST, openRegular, readFully, treeChanged } from "./file-content.js";
import { placeOf } from "./scan.js";
import type { TarHeader, TypeFlag } from "./tar-header.js";
import { BLOCK_BYTES, encodeHeader, paddingAfter } from "./tar-header.js";

export const WHITEOUT_PREFIX = ".wh.";
export const OPAQUE_MARK = ".wh..wh..opq";

export interface LayerTarOptions<Entry extends FileEntry = FileEntry> {
  /** No modification time is later than this: seconds since 1970. */
  readonly rewriteTimestampSec?: number | undefined;
  /** Told the digest of each file that has none in the list, just after it was read. */
  readonly onDigest?: ((entry: Entry, digest: Digest) => void) | undefined;
}

const BUFFER_BYTES = 1 << 18;
const END_OF_ARCHIVE = Buffer.alloc(2 * BLOCK_BYTES);

/**
 * The tar, piece by piece. A piece must be used up before the next is asked for: they share one buffer.
 * Entries come in the list's order; the root itself and sockets are left out, as in Docker's layers.
 * @throws {TsbuildError} TREE_CHANGED, LAYER_RESERVED_NAME, LAYER_XATTR_NAME
 */
export function* layerTar<Entry extends FileEntry>(
  dir: string,
  list: readonly Entry[],
  options: LayerTarOptions<Entry> = {},
): Generator<Buffer, void, void> {
  const output = new PieceBuffer();
  for (const entry of withoutSockets(list)) {
    yield* put(output, headersOf(entry, options.rewriteTimestampSec));
    if (entry.type === "file") yield* putFile(output, dir, entry, options.onDigest);
  }
  yield* put(output, END_OF_ARCHIVE);
  yield output.take();
}

/** One buffer that fills up and is handed out. */
class PieceBuffer {
  readonly #bytes: Buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES);
  #used = 0;

  get room(): number {
    return BUFFER_BYTES - this.#used;
  }

  /** The next `length` bytes, for the caller to fill. */
  claim(length: number): Buffer {
    const claimed = this.#bytes.subarray(this.#used, this.#used + length);
    this.#used += length;
    return claimed;
  }

  take(): Buffer {
    const taken = this.#bytes.subarray(0, this.#used);
    this.#used = 0;
    return taken;
  }
}

function* put(output: PieceBuffer, bytes: Buffer): Generator<Buffer, void, void> {
  for (let at = 0; at < bytes.length;) {
    if (output.room === 0) yield output.take();
    const length = Math.min(output.room, bytes.length - at);
    bytes.copy(output.claim(length), 0, at, at + length);
    at += length;
  }
}

function* putFile<Entry extends FileEntry>(
  output: PieceBuffer,
  dir: string,
  entry: Entry,
  onDigest: LayerTarOptions<Entry>["onDigest"],
): Generator<Buffer, void, void> {
  const report = entry.digest === undefined ? onDigest : undefined;
  if (entry.size === 0) {
    report?.(entry, EMPTY_DIGEST);
    return;
  }
  const fd = openRegular(placeOf(dir, entry.path), entry.path);
  try {
    if (fstatSync(fd).size !== entry.size) throw treeChanged(entry.path);
    if (entry.size > output.room) yield output.take();
    const digest =
      entry.size <= output.room
        ? putSmall(output, fd, entry, report !== undefined)
        : yield* putLarge(output, fd, entry, report !== undefined);
    if (digest !== undefined) report?.(entry, digest);
  } finally {
    closeSync(fd);
  }
  yield* put(output, END_OF_ARCHIVE.subarray(0, paddingAfter(entry.size)));
}

/** A file that fits into the buffer as a whole: one read, one hash. */
function putSmall(output: PieceBuffer, fd: number, entry: FileEntry, wantsDigest: boolean): Digest | undefined {
  const content = output.claim(entry.size);
  readFully(fd, content, entry.path);
  return wantsDigest ? digestFromHex(hash("sha256", content, "hex")) : undefined;
}

function* putLarge(output: PieceBuffer, fd: number, entry: FileEntry, wantsDigest: boolean): Generator<Buffer, Digest | undefined, void> {
  const state: Hash | undefined = wantsDigest ? createHash("sha256") : undefined;
  for (let left = entry.size; left > 0;) {
    if (output.room === 0) yield output.take();
    const part = output.claim(Math.min(output.room, left));
    readFully(fd, part, entry.path);
    state?.update(part);
    left -= part.length;
  }
  return state === undefined ? undefined : digestFromHex(state.digest("hex"));
}

/** Tar has no sockets; a second name of one would point at nothing. */
function* withoutSockets<Entry extends FileEntry>(list: readonly Entry[]): Generator<Entry, void, void> {
  const sockets = new Set<string>();
  for (const entry of list) {
    if (entry.type === "socket") sockets.add(entry.path);
    else if (entry.type !== "hardlink" || !sockets.has(entry.target ?? "")) yield entry;
  }
}

const TYPE_FLAGS: Readonly<Record<Exclude<FileEntry["type"], "socket" | "whiteout">, TypeFlag>> = {
  file: "0",
  hardlink: "1",
  symlink: "2",
  char: "3",
  block: "4",
  dir: "5",
  fifo: "6",
};

function headersOf(entry: FileEntry, rewriteTimestampSec: number | undefined): Buffer {
  if (entry.type === "whiteout") return marker(whiteoutName(entry.path));
  if (entry.type === "socket") throw new Error("Internal error: a socket has no tar header");
  const opaque = entry.opaque === true ? [marker(joinPath(entry.path, OPAQUE_MARK))] : [];
  if (entry.path === "") return Buffer.concat(opaque);
  assertOrdinaryName(entry.path);
  const header = encodeHeader(headerOf(entry, TYPE_FLAGS[entry.type], clampTime(entry.mtimeNs, rewriteTimestampSec)));
  return opaque.length === 0 ? header : Buffer.concat([header, ...opaque]);
}

function headerOf(entry: FileEntry, typeFlag: TypeFlag, mtimeNs: bigint): TarHeader {
  const { mode, uid, gid, size, target, devMajor, devMinor, xattrs } = entry;
  return {
    name: entry.type === "dir" ? `${entry.path}/` : entry.path,
    typeFlag,
    mode,
    uid,
    gid,
    size,
    mtimeNs,
    linkName: target,
    devMajor,
    devMinor,
    xattrs,
  };
}

/** Whiteouts and opaque marks are empty files whose name is all they say. */
function marker(name: string): Buffer {
  return encodeHeader({ name, typeFlag: "0", mode: 0, uid: 0, gid: 0, size: 0, mtimeNs: 0n });
}

function whiteoutName(path: string): string {
  return joinPath(parentPath(path), WHITEOUT_PREFIX + baseName(path));
}

function assertOrdinaryName(path: string): void {
  if (!baseName(path).startsWith(WHITEOUT_PREFIX)) return;
  throw new TsbuildError(
    "LAYER_RESERVED_NAME",
    `"/${path}" can't be stored in an image: names that begin with ".wh." mean deleted files there`,
    {
      hint: "remove or rename it in the step that makes it",
    },
  );
}

function clampTime(timeNs: bigint, limitSec: number | undefined): bigint {
  if (limitSec === undefined) return timeNs;
  const limit = BigInt(limitSec) * 1_000_000_000n;
  return timeNs > limit ? limit : timeNs;
}
