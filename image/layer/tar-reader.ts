/**
 * Reads a tar that is pushed in pieces: ustar, pax and GNU long names. Where a name is said more than once the order is
 * that of Go's archive/tar, by which Docker reads: GNU long name, then pax, then ustar; the later of two pax headers.
 * (tar-stream reads pax values as text, which destroys binary xattrs, and ids not at all; hence this one.)
 */
import { decodePath } from "../../base/path-bytes.js";
import { countsAsXattr } from "./entry.js";
import { layerCorrupt, layerLimit, layerUnsupported } from "./layer-errors.js";
import type { UnpackLimits } from "./limits.js";
import { MAX_EXTENSION_BYTES } from "./limits.js";
import type { RawHeader } from "./tar-fields.js";
import { parseHeader, parsePax, parsePaxTime } from "./tar-fields.js";
import { BLOCK_BYTES, paddingAfter } from "./tar-header.js";

export type TarEntryType = "file" | "dir" | "symlink" | "hardlink" | "char" | "block" | "fifo";

export interface TarEntry {
  /** As it stands in the tar. */
  readonly name: string;
  readonly type: TarEntryType;
  /** 0…07777. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes of content that follow; 0 for all but files. */
  readonly size: number;
  readonly mtimeNs: bigint;
  readonly linkName: string;
  readonly devMajor: number;
  readonly devMinor: number;
  /** Those that count, in byte order of their names. */
  readonly xattrs: readonly (readonly [name: string, value: Buffer])[];
}

/** Told in this order for each entry. Data is only valid during the call. */
export interface TarHandler {
  entry(entry: TarEntry): void;
  data(bytes: Buffer): void;
  entryEnd(): void;
}

const TYPES: Readonly<Record<string, TarEntryType>> = {
  "0": "file",
  "\0": "file",
  "7": "file",
  "1": "hardlink",
  "2": "symlink",
  "3": "char",
  "4": "block",
  "5": "dir",
  "6": "fifo",
};
const ZERO_BLOCK = Buffer.alloc(BLOCK_BYTES);
/** (uid_t)-1 means "leave it" to chown. */
const LARGEST_ID = 2 ** 32 - 2;
const XATTR_KEY = "SCHILY.xattr.";
/** Of the extended headers: what they say belongs to the next entry. `g` says it for all, which Docker ignores too. */
const EXTENSIONS = new Set(["x", "g", "L", "K"]);

export class TarReader {
  readonly #handler: TarHandler;
  readonly #limits: UnpackLimits;
  /** The part of a header that came so far. */
  #partial: Buffer[] = [];
  #partialBytes = 0;
  #skip = 0;
  #contentLeft = 0;
  /** Set while the content of an extended header is being read. */
  #extension: { readonly typeFlag: string; readonly parts: Buffer[] } | undefined;
  #pax: Map<string, Buffer> | undefined;
  #longName: string | undefined;
  #longLink: string | undefined;
  #zeroBlocks = 0;
  #headers = 0;

  constructor(handler: TarHandler, limits: UnpackLimits) {
    this.#handler = handler;
    this.#limits = limits;
  }

  /** @throws {TsbuildError} LAYER_CORRUPT, LAYER_LIMIT, LAYER_UNSUPPORTED, and what the handler throws */
  push(bytes: Buffer): void {
    for (let at = 0; at < bytes.length;) {
      if (this.#contentLeft > 0) at += this.#content(bytes, at);
      else if (this.#skip > 0) at += this.#padding(bytes.length - at);
      else if (this.#zeroBlocks >= 2) at += assertZero(bytes, at);
      else at += this.#header(bytes, at);
    }
  }

  /** No more comes. A tar may end without its two zero blocks, as Docker accepts it, but not within an entry. */
  end(): void {
    const isWhole =
      this.#contentLeft === 0 &&
      this.#skip === 0 &&
      this.#partialBytes === 0 &&
      this.#pax === undefined &&
      this.#longName === undefined &&
      this.#longLink === undefined;
    if (!isWhole) throw layerCorrupt("its tar is cut short");
  }

  #padding(available: number): number {
    const length = Math.min(this.#skip, available);
    this.#skip -= length;
    return length;
  }

  #content(bytes: Buffer, at: number): number {
    const part = bytes.subarray(at, at + this.#contentLeft);
    this.#contentLeft -= part.length;
    if (this.#extension === undefined) this.#handler.data(part);
    else this.#extension.parts.push(Buffer.from(part));
    if (this.#contentLeft === 0) this.#contentEnd();
    return part.length;
  }

  #contentEnd(): void {
    const extension = this.#extension;
    this.#extension = undefined;
    if (extension === undefined) this.#handler.entryEnd();
    else this.#takeExtension(extension.typeFlag, Buffer.concat(extension.parts));
  }

  /** Collects a block and acts on it. Returns the bytes used. */
  #header(bytes: Buffer, at: number): number {
    if (this.#partialBytes === 0 && bytes.length - at >= BLOCK_BYTES) {
      this.#block(bytes.subarray(at, at + BLOCK_BYTES));
      return BLOCK_BYTES;
    }
    const part = bytes.subarray(at, at + BLOCK_BYTES - this.#partialBytes);
    this.#partial.push(Buffer.from(part));
    this.#partialBytes += part.length;
    if (this.#partialBytes === BLOCK_BYTES) {
      const block = Buffer.concat(this.#partial);
      this.#partial = [];
      this.#partialBytes = 0;
      this.#block(block);
    }
    return part.length;
  }

  #block(block: Buffer): void {
    if (block.equals(ZERO_BLOCK)) {
      this.#zeroBlocks++;
      return;
    }
    if (this.#zeroBlocks > 0) throw layerCorrupt("something follows the end of its tar");
    if (++this.#headers > this.#limits.maxEntries) throw layerLimit("maxEntries", `it has more than ${this.#limits.maxEntries} entries`);
    const raw = parseHeader(block);
    if (EXTENSIONS.has(raw.typeFlag)) this.#beginExtension(raw);
    else this.#beginEntry(this.#resolve(raw));
  }

  #beginExtension({ typeFlag, size }: RawHeader): void {
    if (!(size >= 0 && size <= MAX_EXTENSION_BYTES))
      throw layerLimit("extended header", `it has an extended header of ${size} bytes, and ${MAX_EXTENSION_BYTES} are allowed`);
    if (size === 0) {
      this.#takeExtension(typeFlag, Buffer.alloc(0));
      return;
    }
    this.#extension = { typeFlag, parts: [] };
    this.#contentLeft = size;
    this.#skip = paddingAfter(size);
  }

  #takeExtension(typeFlag: string, body: Buffer): void {
    if (typeFlag === "x") this.#pax = parsePax(body);
    if (typeFlag === "L") this.#longName = this.#text(untilNul(body), "a name");
    if (typeFlag === "K") this.#longLink = this.#text(untilNul(body), "a link target");
  }

  #beginEntry(entry: TarEntry): void {
    this.#handler.entry(entry);
    this.#contentLeft = entry.size;
    this.#skip = paddingAfter(entry.size);
    if (entry.size === 0) this.#handler.entryEnd();
  }

  /** The header with all that its extended headers said. */
  #resolve(raw: RawHeader): TarEntry {
    const pax = this.#pax;
    const name = this.#longName ?? this.#paxText(pax, "path") ?? raw.name;
    const linkName = this.#longLink ?? this.#paxText(pax, "linkpath") ?? raw.linkName;
    this.#pax = this.#longName = this.#longLink = undefined;
    const type = typeOf(raw, name, pax);
    const mtime = paxValue(pax, "mtime");
    return {
      name,
      linkName,
      type,
      mode: raw.mode & 0o7777,
      uid: idOf(paxNumber(pax, "uid") ?? raw.uid, name),
      gid: idOf(paxNumber(pax, "gid") ?? raw.gid, name),
      size: type === "file" ? this.#sizeOf(paxNumber(pax, "size") ?? raw.size, name) : 0,
      mtimeNs: mtime === undefined ? raw.mtimeSec * 1_000_000_000n : parsePaxTime(mtime),
      devMajor: raw.devMajor,
      devMinor: raw.devMinor,
      xattrs: xattrsOf(pax),
    };
  }

  #sizeOf(size: number, name: string): number {
    if (!(size >= 0)) throw layerCorrupt(`${JSON.stringify(name)} has the size ${size}`);
    if (size > this.#limits.maxTotalBytes) throw layerLimit("maxTotalBytes", `${JSON.stringify(name)} says that it has ${size} bytes`);
    return size;
  }

  #paxText(pax: Map<string, Buffer> | undefined, key: string): string | undefined {
    const value = pax?.get(key);
    return value === undefined || value.length === 0 ? undefined : this.#text(value, `the pax record ${key}`);
  }

  #text(bytes: Buffer, what: string): string {
    if (bytes.length > this.#limits.maxPathBytes)
      throw layerLimit("maxPathBytes", `${what} has ${bytes.length} bytes, and ${this.#limits.maxPathBytes} are allowed`);
    if (bytes.includes(0)) throw layerCorrupt(`${what} has a NUL in it`);
    return decodePath(bytes);
  }
}

/** After the end only zeros may come: writers fill up to some block size. */
function assertZero(bytes: Buffer, start: number): number {
  for (let at = start; at < bytes.length; at++) if (bytes[at] !== 0) throw layerCorrupt("something follows the end of its tar");
  return bytes.length - start;
}

function untilNul(bytes: Buffer): Buffer {
  const nul = bytes.indexOf(0);
  return nul === -1 ? bytes : bytes.subarray(0, nul);
}

function typeOf(raw: RawHeader, name: string, pax: Map<string, Buffer> | undefined): TarEntryType {
  const isSparse = raw.typeFlag === "S" || (pax !== undefined && [...pax.keys()].some((key) => key.startsWith("GNU.sparse.")));
  if (isSparse) throw layerUnsupported(`${JSON.stringify(name)} is a sparse file in GNU's format`);
  // V7 had no directories but by their slash.
  if (raw.typeFlag === "\0" && name.endsWith("/")) return "dir";
  const type = TYPES[raw.typeFlag];
  if (type === undefined) throw layerUnsupported(`${JSON.stringify(name)} is of the unknown tar type ${JSON.stringify(raw.typeFlag)}`);
  return type;
}

/** An empty value takes the record back (POSIX pax, "Extended Header Keyword Precedence"). */
function paxValue(pax: Map<string, Buffer> | undefined, key: string): string | undefined {
  const value = pax?.get(key);
  return value === undefined || value.length === 0 ? undefined : value.toString("latin1");
}

function paxNumber(pax: Map<string, Buffer> | undefined, key: string): number | undefined {
  const value = paxValue(pax, key);
  if (value === undefined) return undefined;
  if (!/^\d{1,20}$/.test(value)) throw layerCorrupt(`a pax header has the ${key} ${JSON.stringify(value)}`);
  return Number(value);
}

function idOf(id: number, name: string): number {
  if (id >= 0 && id <= LARGEST_ID) return id;
  throw layerCorrupt(`${JSON.stringify(name)} belongs to the user or group ${id}, which can't be`);
}

const NO_XATTRS: TarEntry["xattrs"] = [];

function xattrsOf(pax: Map<string, Buffer> | undefined): TarEntry["xattrs"] {
  if (pax === undefined) return NO_XATTRS;
  const found: (readonly [string, Buffer])[] = [];
  for (const [key, value] of pax) {
    const name = key.startsWith(XATTR_KEY) ? key.slice(XATTR_KEY.length) : "";
    if (name !== "" && countsAsXattr(name)) found.push([name, value]);
  }
  return found.sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}
