/**
 * The bytes of a stat cache: a header, then one block per kind of fact, so that a load is a few views and one split.
 *
 *   "tsbstat2"  count  bytes of paths  width of a character            four times eight bytes
 *   xxHash64 of all that follows, seeded with that of the header above eight bytes
 *   size, mtimeNs, ctimeNs, ino, dev per file                          five times eight bytes each
 *   digest per file, as text                                           71 bytes each
 *   paths, joined by NUL                                               Latin-1 or UTF-16, so that escaped bytes stay as they are
 *
 * The checksum finds what is torn or rotten; nothing is named by it, and the whole file can be made again.
 */
import type { Digest } from "../base/digest.js";

const MAGIC = "tsbstat2";
const CHECKED = 32;
const HEADER = 40;
const FACTS_PER_FILE = 5;
const DIGEST_LENGTH = "sha256:".length + 64;

/** What identifies a file's state without reading it. */
export interface FileState {
  readonly size: bigint;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
  readonly ino: bigint;
  readonly dev: bigint;
}

/** Entries that are decoded when they are asked for. Index and path say the same. */
export interface StatTable {
  readonly paths: readonly string[];
  matches(index: number, state: FileState): boolean;
  state(index: number): FileState;
  digest(index: number): Digest;
}

export interface StatEntry {
  readonly path: string;
  readonly state: FileState;
  readonly digest: Digest;
}

/** xxHash64 (h64Raw of xxhash-wasm). */
export type Hash64 = (bytes: Uint8Array, seed?: bigint) => bigint;

export function encodeStatTable(entries: readonly StatEntry[], hash64: Hash64): Buffer {
  const text = entries.map((entry) => entry.path).join("\0");
  // eslint-disable-next-line no-control-regex
  const width = /[^\u0000-\u00ff]/.test(text) ? 2 : 1;
  const paths = Buffer.from(text, encodingOf(width));
  const bytes = Buffer.alloc(digestsAt(entries.length) + entries.length * DIGEST_LENGTH + paths.length);
  bytes.write(MAGIC, 0, "latin1");
  [entries.length, paths.length, width].forEach((value, index) => bytes.writeBigUInt64LE(BigInt(value), 8 + index * 8));
  const facts = new BigInt64Array(bytes.buffer, bytes.byteOffset + HEADER, entries.length * FACTS_PER_FILE);
  entries.forEach(({ state }, index) => writeFacts(facts, index * FACTS_PER_FILE, state));
  bytes.write(entries.map(({ digest }) => digest).join(""), digestsAt(entries.length), "latin1");
  paths.copy(bytes, bytes.length - paths.length);
  bytes.writeBigUInt64LE(checksumOf(bytes, hash64), CHECKED);
  return bytes;
}

function encodingOf(width: number): "latin1" | "utf16le" {
  return width === 1 ? "latin1" : "utf16le";
}

function checksumOf(bytes: Buffer, hash64: Hash64): bigint {
  return hash64(bytes.subarray(HEADER), hash64(bytes.subarray(0, CHECKED)));
}

/** Undefined for anything that isn't exactly what `encodeStatTable` wrote. */
export function decodeStatTable(file: Uint8Array, hash64: Hash64): StatTable | undefined {
  const bytes = aligned(file);
  if (bytes.length < HEADER || bytes.toString("latin1", 0, 8) !== MAGIC) return undefined;
  const [count = 0, pathBytes = 0, width = 0] = [8, 16, 24].map((at) => Number(bytes.readBigUInt64LE(at)));
  if (digestsAt(count) + count * DIGEST_LENGTH + pathBytes !== bytes.length) return undefined;
  if (checksumOf(bytes, hash64) !== bytes.readBigUInt64LE(CHECKED)) return undefined;
  const paths = count === 0 ? [] : bytes.toString(encodingOf(width), bytes.length - pathBytes).split("\0");
  return paths.length === count ? viewOf(bytes, paths) : undefined;
}

/** Facts are compared as pairs of 32-bit numbers: reading a 64-bit one makes an object each time. */
function viewOf(bytes: Buffer, paths: readonly string[]): StatTable {
  const count = paths.length;
  const facts = new BigInt64Array(bytes.buffer, bytes.byteOffset + HEADER, count * FACTS_PER_FILE);
  const halves = new Int32Array(facts.buffer, facts.byteOffset, facts.length * 2);
  const wanted = new BigInt64Array(FACTS_PER_FILE);
  const wantedHalves = new Int32Array(wanted.buffer);
  const digests = bytes.toString("latin1", digestsAt(count), digestsAt(count) + count * DIGEST_LENGTH);
  return {
    paths,
    matches(index, state) {
      writeFacts(wanted, 0, state);
      const start = index * FACTS_PER_FILE * 2;
      for (let at = 0; at < wantedHalves.length; at++) if (halves[start + at] !== wantedHalves[at]) return false;
      return true;
    },
    state(index) {
      const [size = 0n, mtimeNs = 0n, ctimeNs = 0n, ino = 0n, dev = 0n] = facts.subarray(
        index * FACTS_PER_FILE,
        (index + 1) * FACTS_PER_FILE,
      );
      return { size, mtimeNs, ctimeNs, ino, dev };
    },
    // The checksum has vouched for these digits.
    digest: (index) => digests.slice(index * DIGEST_LENGTH, (index + 1) * DIGEST_LENGTH) as Digest,
  };
}

function writeFacts(facts: BigInt64Array, at: number, { size, mtimeNs, ctimeNs, ino, dev }: FileState): void {
  facts[at] = size;
  facts[at + 1] = mtimeNs;
  facts[at + 2] = ctimeNs;
  facts[at + 3] = ino;
  facts[at + 4] = dev;
}

/** Where the digests of a table begin. */
function digestsAt(count: number): number {
  return HEADER + count * FACTS_PER_FILE * 8;
}

/** Small files come in the middle of a pool, where 64-bit views may not begin. */
function aligned(file: Uint8Array): Buffer {
  if (file.byteOffset % 8 === 0) return Buffer.from(file.buffer, file.byteOffset, file.length);
  const copy = Buffer.from(new ArrayBuffer(file.length));
  copy.set(file);
  return copy;
}
