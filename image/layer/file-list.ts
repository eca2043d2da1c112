/** File lists on disk: the codec. What is computed from lists lies in the files re-exported at the end. */
import { hash } from "node:crypto";
import type { Digest } from "../../base/digest.js";
import { digestHex } from "../../base/digest.js";
import { TsbuildError } from "../../base/errors.js";
import type { FileEntry, FileList } from "../types.js";
import { FLAG, LAYOUT, RECORD, TYPES } from "./binary-list.js";
import type { DraftEntry } from "./entry.js";

/** The list as bytes, with a checksum of its own. Equal lists give equal bytes. */
export function encodeFileList(list: FileList): Buffer {
  const records = Buffer.alloc(list.length * LAYOUT.recordBytes);
  const extras: number[] = [];
  const digests: string[] = [];
  const texts: string[] = [];
  list.forEach((entry, index) => {
    texts.push(entry.path);
    const flags = encodeOptional(entry, { extras, digests, texts });
    encodeRecord(records, index * LAYOUT.recordBytes, entry, flags);
  });
  return assemble(list.length, records, Buffer.from(Uint32Array.from(extras).buffer), Buffer.from(digests.join(""), "hex"), texts.join(""));
}

function encodeRecord(records: Buffer, at: number, entry: FileEntry, flags: number): void {
  records[at + RECORD.type] = TYPES.indexOf(entry.type);
  records[at + RECORD.flags] = flags;
  records.writeUInt16LE(entry.mode, at + RECORD.mode);
  records.writeUInt32LE(entry.uid, at + RECORD.uid);
  records.writeUInt32LE(entry.gid, at + RECORD.gid);
  records.writeUInt32LE(entry.path.length, at + RECORD.pathLength);
  records.writeDoubleLE(entry.size, at + RECORD.size);
  records.writeBigInt64LE(entry.mtimeNs, at + RECORD.mtime);
}

interface Streams {
  readonly extras: number[];
  readonly digests: string[];
  readonly texts: string[];
}

function encodeOptional(entry: FileEntry, { extras, digests, texts }: Streams): number {
  let flags = entry.opaque === true ? FLAG.opaque : 0;
  if (entry.digest !== undefined) {
    flags |= FLAG.digest;
    digests.push(digestHex(entry.digest));
  }
  if (entry.target !== undefined) {
    flags |= FLAG.target;
    extras.push(entry.target.length);
    texts.push(entry.target);
  }
  if (entry.devMajor !== undefined || entry.devMinor !== undefined) {
    flags |= FLAG.device;
    extras.push(entry.devMajor ?? 0, entry.devMinor ?? 0);
  }
  if (entry.xattrs !== undefined) {
    flags |= FLAG.xattrs;
    const pairs = Object.entries(entry.xattrs);
    extras.push(pairs.length, ...pairs.flatMap(([name, value]) => [name.length, value.length]));
    texts.push(...pairs.flat());
  }
  return flags;
}

function assemble(count: number, records: Buffer, extras: Buffer, digests: Buffer, text: string): Buffer {
  // eslint-disable-next-line no-control-regex
  const isLatin1 = !/[^\u0000-\u00ff]/.test(text);
  const textBytes = Buffer.from(text, isLatin1 ? "latin1" : "utf16le");
  const header = Buffer.alloc(LAYOUT.headerBytes);
  header.write(LAYOUT.magic, 0, "latin1");
  [LAYOUT.version, count, extras.length, digests.length, textBytes.length, isLatin1 ? 0 : 1].forEach((value, index) =>
    header.writeUInt32LE(value, 8 + index * 4),
  );
  const bytes = Buffer.concat([header, records, extras, digests, textBytes]);
  checksumOf(bytes).copy(bytes, LAYOUT.checksumAt);
  return bytes;
}

/** Over everything but the checksum itself. */
function checksumOf(bytes: Buffer): Buffer {
  const body = hash("sha256", bytes.subarray(LAYOUT.headerBytes), "buffer");
  return hash("sha256", Buffer.concat([bytes.subarray(0, LAYOUT.checksumAt), body]), "buffer");
}

/**
 * The list that `encodeFileList` wrote.
 * @throws {TsbuildError} FILE_LIST_CORRUPT when anything is torn, changed or of another version
 */
export function decodeFileList(bytes: Buffer): FileEntry[] {
  const sections = openSections(bytes);
  const entries: FileEntry[] = [];
  for (let index = 0; index < sections.count; index++) entries.push(decodeEntry(sections, LAYOUT.headerBytes + index * LAYOUT.recordBytes));
  if (sections.textAt !== sections.text.length) throw corrupt("its text has another length than its entries say");
  return entries;
}

/** The parts of an encoded list with the places up to which they were read. */
interface Sections {
  readonly bytes: Buffer;
  readonly count: number;
  readonly digests: string;
  readonly text: string;
  extrasAt: number;
  digestsAt: number;
  textAt: number;
}

function openSections(bytes: Buffer): Sections {
  if (bytes.length < LAYOUT.headerBytes || bytes.toString("latin1", 0, 8) !== LAYOUT.magic) throw corrupt("it does not begin like one");
  const field = (index: number): number => bytes.readUInt32LE(8 + index * 4);
  if (field(0) !== LAYOUT.version) throw corrupt(`its version is ${field(0)}, not ${LAYOUT.version}`);
  const count = field(1);
  const extrasAt = LAYOUT.headerBytes + count * LAYOUT.recordBytes;
  const digestsAt = extrasAt + field(2);
  const textAt = digestsAt + field(3);
  if (textAt + field(4) !== bytes.length) throw corrupt("it is cut short or too long");
  if (!checksumOf(bytes).equals(bytes.subarray(LAYOUT.checksumAt, LAYOUT.headerBytes))) throw corrupt("its checksum is wrong");
  const text = bytes.toString(field(5) === 0 ? "latin1" : "utf16le", textAt);
  return { bytes, count, digests: bytes.toString("hex", digestsAt, textAt), text, extrasAt, digestsAt: 0, textAt: 0 };
}

function decodeEntry(from: Sections, at: number): FileEntry {
  const { bytes } = from;
  const type = TYPES[bytes[at + RECORD.type] ?? 255];
  if (type === undefined) throw corrupt("it has an entry of an unknown type");
  const entry: DraftEntry = {
    path: takeText(from, bytes.readUInt32LE(at + RECORD.pathLength)),
    type,
    mode: bytes.readUInt16LE(at + RECORD.mode),
    uid: bytes.readUInt32LE(at + RECORD.uid),
    gid: bytes.readUInt32LE(at + RECORD.gid),
    size: bytes.readDoubleLE(at + RECORD.size),
    mtimeNs: bytes.readBigInt64LE(at + RECORD.mtime),
  };
  const flags = bytes[at + RECORD.flags] ?? 0;
  if (flags !== 0) decodeOptional(from, entry, flags);
  return entry;
}

function decodeOptional(from: Sections, entry: DraftEntry, flags: number): void {
  if ((flags & FLAG.digest) !== 0) entry.digest = takeDigest(from);
  if ((flags & FLAG.target) !== 0) entry.target = takeText(from, takeExtra(from));
  if ((flags & FLAG.device) !== 0) {
    entry.devMajor = takeExtra(from);
    entry.devMinor = takeExtra(from);
  }
  if ((flags & FLAG.xattrs) !== 0) entry.xattrs = takeXattrs(from);
  if ((flags & FLAG.opaque) !== 0) entry.opaque = true;
}

function takeExtra(from: Sections): number {
  const value = from.bytes.readUInt32LE(from.extrasAt);
  from.extrasAt += 4;
  return value;
}

function takeText(from: Sections, length: number): string {
  const start = from.textAt;
  from.textAt += length;
  return from.text.slice(start, from.textAt);
}

function takeDigest(from: Sections): Digest {
  const start = from.digestsAt;
  from.digestsAt += 64;
  // The checksum has vouched for these digits.
  return `sha256:${from.digests.slice(start, from.digestsAt)}` as Digest;
}

function takeXattrs(from: Sections): Record<string, string> {
  const lengths = Array.from({ length: takeExtra(from) }, () => [takeExtra(from), takeExtra(from)] as const);
  return Object.fromEntries(lengths.map(([name, value]) => [takeText(from, name), takeText(from, value)]));
}

function corrupt(why: string): TsbuildError {
  return new TsbuildError("FILE_LIST_CORRUPT", `a stored file list can't be used: ${why}`, {
    hint: "it is made again when it is needed; `tsbuild store check` finds others",
  });
}

export { countsAsXattr } from "./entry.js";
export { joinFileLists, joinLayers } from "./join-lists.js";
export { treeIdentity } from "./tree-identity.js";
