/**
 * File names are bytes on Linux and strings here. Bytes that are not UTF-8 become lone surrogates U+DC80…U+DCFF,
 * one per byte (the scheme of Python's PEP 383), so that every name has one string and every string goes back to the same bytes.
 */
import { isUtf8 } from "node:buffer";
import { TsbuildError } from "./errors.js";

const ESCAPE_BASE = 0xdc00;
/** With the `u` flag a surrogate in a character class matches only when it stands alone. */
const LONE_SURROGATE = /[\ud800-\udfff]/u;
const FIRST_SURROGATE = 0xd800;

/** The string for a name: plain UTF-8 where it is UTF-8, escaped bytes elsewhere. */
export function decodePath(bytes: Buffer): string {
  return isUtf8(bytes) ? bytes.toString("utf8") : decodeEscaped(bytes);
}

function decodeEscaped(bytes: Buffer): string {
  let text = "";
  for (let at = 0; at < bytes.length;) {
    const length = sequenceLength(bytes, at);
    if (length === 0) {
      text += String.fromCharCode(ESCAPE_BASE + (bytes[at] ?? 0));
      at += 1;
    } else {
      text += bytes.toString("utf8", at, at + length);
      at += length;
    }
  }
  return text;
}

/** Length of the whole UTF-8 sequence that begins at `at`, or 0 when there is none. */
function sequenceLength(bytes: Buffer, at: number): number {
  const first = bytes[at] ?? 0;
  const length = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
  return length > 0 && at + length <= bytes.length && isUtf8(bytes.subarray(at, at + length)) ? length : 0;
}

/**
 * What to hand to a system call: the string itself where it is well-formed, else its bytes.
 * Any run of decoded paths may be encoded at once.
 * @throws {TsbuildError} PATH_INVALID for a lone surrogate that stands for no byte
 */
export function encodePath(path: string): string | Buffer {
  return LONE_SURROGATE.test(path) ? encodeEscaped(path) : path;
}

/** The bytes of a path, always as a buffer. @throws {TsbuildError} PATH_INVALID as `encodePath` */
export function pathBytes(path: string): Buffer {
  const encoded = encodePath(path);
  return typeof encoded === "string" ? Buffer.from(encoded, "utf8") : encoded;
}

function encodeEscaped(path: string): Buffer {
  const parts: Buffer[] = [];
  for (const part of path.split(/([\ud800-\udfff])/u)) {
    parts.push(LONE_SURROGATE.test(part) ? escapedByte(part, path) : Buffer.from(part, "utf8"));
  }
  return Buffer.concat(parts);
}

function escapedByte(surrogate: string, path: string): Buffer {
  const byte = surrogate.charCodeAt(0) - ESCAPE_BASE;
  if (byte < 0x80 || byte > 0xff) {
    throw new TsbuildError("PATH_INVALID", `${JSON.stringify(path)} can't be a file name: it has half a surrogate pair`);
  }
  return Buffer.of(byte);
}

/** Order of the paths' bytes: negative, 0 or positive. UTF-16 order differs from it beyond U+D7FF only. */
export function comparePaths(a: string, b: string): number {
  if (a === b) return 0;
  const shorter = Math.min(a.length, b.length);
  for (let at = 0; at < shorter; at++) {
    const left = a.charCodeAt(at);
    const right = b.charCodeAt(at);
    if (left === right) continue;
    if (left < FIRST_SURROGATE && right < FIRST_SURROGATE) return left - right;
    return Buffer.compare(pathBytes(a), pathBytes(b));
  }
  return a.length - b.length;
}
