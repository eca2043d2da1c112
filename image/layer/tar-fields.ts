/** The fields of a tar header and the records of a pax header, checked. */
import { decodePath } from "../../base/path-bytes.js";
import { layerCorrupt } from "./layer-errors.js";
import { BLOCK_BYTES, checksum } from "./tar-header.js";

/** A ustar, GNU or V7 header as it stands. */
export interface RawHeader {
  readonly name: string;
  readonly typeFlag: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtimeSec: bigint;
  readonly linkName: string;
  readonly devMajor: number;
  readonly devMinor: number;
}

const NUL = 0;
const BLANK = 0x20;
const EIGHT = 0x38;
const ZERO = 0x30;

/** @throws {TsbuildError} LAYER_CORRUPT */
export function parseHeader(block: Buffer): RawHeader {
  if (Number(numberField(block, 148, 8)) !== checksum(block) && Number(numberField(block, 148, 8)) !== signedChecksum(block))
    throw layerCorrupt("a tar header has a wrong checksum");
  const prefix = isUstar(block) ? textField(block, 345, 155) : "";
  const name = textField(block, 0, 100);
  return {
    name: prefix === "" ? name : `${prefix}/${name}`,
    typeFlag: String.fromCharCode(block[156] ?? 0),
    mode: Number(numberField(block, 100, 8)),
    uid: Number(numberField(block, 108, 8)),
    gid: Number(numberField(block, 116, 8)),
    size: Number(numberField(block, 124, 12)),
    mtimeSec: BigInt(numberField(block, 136, 12)),
    linkName: textField(block, 157, 100),
    devMajor: Number(numberField(block, 329, 8)),
    devMinor: Number(numberField(block, 337, 8)),
  };
}

/** `ustar\0` + `00`. GNU's `ustar  \0` has other things where the prefix is. */
function isUstar(block: Buffer): boolean {
  return block.toString("latin1", 257, 263) === "ustar\0";
}

/** Some old writers added signed bytes. */
function signedChecksum(block: Buffer): number {
  let sum = 8 * BLANK;
  for (let at = 0; at < BLOCK_BYTES; at++) if (at < 148 || at >= 156) sum += block.readInt8(at);
  return sum;
}

function textField(block: Buffer, start: number, length: number): string {
  if (block[start] === NUL) return "";
  const end = block.indexOf(NUL, start);
  return decodePath(block.subarray(start, end === -1 || end > start + length ? start + length : end));
}

/** Octal digits between blanks and NULs, or GNU's base 256 when the first bit is set. */
function numberField(block: Buffer, start: number, length: number): number | bigint {
  if (((block[start] ?? 0) & 0x80) !== 0) return base256(block.subarray(start, start + length));
  let value = 0;
  let at = start;
  const end = start + length;
  while (at < end && (block[at] === BLANK || block[at] === NUL)) at++;
  for (; at < end && block[at] !== BLANK && block[at] !== NUL; at++) {
    const digit = block[at] ?? 0;
    if (digit < ZERO || digit >= EIGHT) throw layerCorrupt("a tar header has a number that is none");
    value = value * 8 + digit - ZERO;
  }
  return value;
}

/** Two's complement, the first bit being a mark and the second the sign. */
function base256(bytes: Buffer): bigint {
  const first = bytes[0] ?? 0;
  let value = (first & 0x40) === 0 ? BigInt(first & 0x3f) : BigInt(first & 0x7f) - 128n;
  for (const byte of bytes.subarray(1)) value = value * 256n + BigInt(byte);
  return value;
}

const DIGITS = /^[0-9]{1,10}$/;

/** Records of a pax header. A key that comes twice counts as it stands last. @throws {TsbuildError} LAYER_CORRUPT */
export function parsePax(body: Buffer): Map<string, Buffer> {
  const records = new Map<string, Buffer>();
  for (let at = 0; at < body.length;) {
    const blank = body.indexOf(BLANK, at);
    const digits = blank === -1 ? "" : body.toString("latin1", at, blank);
    const end = at + Number(digits);
    const equals = body.indexOf(0x3d, blank);
    const isRecord =
      DIGITS.test(digits) && end <= body.length && end > blank + 1 && body[end - 1] === 0x0a && equals > blank + 1 && equals < end;
    if (!isRecord) throw layerCorrupt("a pax header has a record that is none");
    records.set(body.toString("utf8", blank + 1, equals), body.subarray(equals + 1, end - 1));
    at = end;
  }
  return records;
}

const SECONDS = /^(-?)(\d{1,18})(?:\.(\d*))?$/;

/** `1700000000.5` in nanoseconds; digits beyond the ninth are cut. @throws {TsbuildError} LAYER_CORRUPT */
export function parsePaxTime(text: string): bigint {
  const match = SECONDS.exec(text);
  if (match === null) throw layerCorrupt(`a pax header has the time ${JSON.stringify(text)}`);
  const [, sign, seconds, fraction] = match;
  const absolute = BigInt(seconds ?? 0) * 1_000_000_000n + BigInt((fraction ?? "").slice(0, 9).padEnd(9, "0"));
  return sign === "-" ? -absolute : absolute;
}
