/**
 * Tar headers as bytes: ustar (POSIX.1-1988) where it can say it, with a pax extended header (POSIX.1-2001) where it can't.
 * Equal headers give equal bytes: nothing depends on time, locale or user names.
 */
import { TsbuildError } from "../../base/errors.js";
import { pathBytes } from "../../base/path-bytes.js";

export const BLOCK_BYTES = 512;

export type TypeFlag = "0" | "1" | "2" | "3" | "4" | "5" | "6" | "x";

export interface TarHeader {
  /** As it stands in the tar: directories end with a slash. */
  readonly name: string;
  readonly typeFlag: TypeFlag;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtimeNs: bigint;
  readonly linkName?: string | undefined;
  readonly devMajor?: number | undefined;
  readonly devMinor?: number | undefined;
  /** Values in base64. */
  readonly xattrs?: Readonly<Record<string, string>> | undefined;
}

/** Widths and places of the ustar fields. */
const FIELD = {
  name: [0, 100],
  mode: [100, 8],
  uid: [108, 8],
  gid: [116, 8],
  size: [124, 12],
  mtime: [136, 12],
  checksum: [148, 8],
  typeFlag: [156, 1],
  linkName: [157, 100],
  magic: [257, 8],
  devMajor: [329, 8],
  devMinor: [337, 8],
  prefix: [345, 155],
} as const;

const LARGEST_ID = 0o7777777;
const LARGEST_NUMBER = 0o77777777777;
const NS = 1_000_000_000n;
// eslint-disable-next-line no-control-regex
const NOT_ASCII = /[^\u0000-\u007f]/;

/** One or more whole blocks: the pax header and its records where needed, then the ustar header. */
export function encodeHeader(header: TarHeader): Buffer {
  const name = splitName(header.name);
  const records = paxRecords(header, name === undefined);
  const ustar = encodeUstar(header, name ?? { prefix: "", name: asciiPart(header.name) });
  if (records.length === 0) return ustar;
  const body = Buffer.concat(records);
  const pax = encodeUstar(
    { name: PAX_NAME, typeFlag: "x", mode: 0, uid: 0, gid: 0, size: body.length, mtimeNs: 0n },
    { prefix: "", name: PAX_NAME },
  );
  return Buffer.concat([pax, body, Buffer.alloc(paddingAfter(body.length)), ustar]);
}

const PAX_NAME = "PaxHeaders/entry";

/** Zero bytes from `size` to the end of its block. */
export function paddingAfter(size: number): number {
  const rest = size % BLOCK_BYTES;
  return rest === 0 ? 0 : BLOCK_BYTES - rest;
}

interface SplitName {
  readonly prefix: string;
  readonly name: string;
}

/** The name in ustar's two fields, or undefined when it needs a pax record. */
function splitName(path: string): SplitName | undefined {
  if (NOT_ASCII.test(path)) return undefined;
  if (path.length <= FIELD.name[1]) return { prefix: "", name: path };
  const slash = path.lastIndexOf("/", Math.min(FIELD.prefix[1], path.length - 2));
  const name = path.slice(slash + 1);
  return slash <= 0 || name.length > FIELD.name[1] ? undefined : { prefix: path.slice(0, slash), name };
}

/** What readers without pax get to see of a long or foreign name. */
function asciiPart(name: string): string {
  // eslint-disable-next-line no-control-regex
  return name.replace(/[^\u0000-\u007f]/g, "").slice(0, FIELD.name[1]);
}

/** Records in byte order of their keys, which is the order below. */
function paxRecords(header: TarHeader, needsPath: boolean): Buffer[] {
  const records = Object.entries(header.xattrs ?? {}).map(([name, value]) => xattrRecord(header, name, value));
  if (header.gid > LARGEST_ID) records.push(paxRecord("gid", `${header.gid}`));
  if (header.linkName !== undefined && (header.linkName.length > FIELD.linkName[1] || NOT_ASCII.test(header.linkName)))
    records.push(paxRecord("linkpath", header.linkName));
  if (!fitsTime(header.mtimeNs)) records.push(paxRecord("mtime", decimalTime(header.mtimeNs)));
  if (needsPath) records.push(paxRecord("path", header.name));
  if (header.size > LARGEST_NUMBER) records.push(paxRecord("size", `${header.size}`));
  if (header.uid > LARGEST_ID) records.push(paxRecord("uid", `${header.uid}`));
  return records;
}

function xattrRecord(header: TarHeader, name: string, value: string): Buffer {
  if (name.includes("=")) {
    throw new TsbuildError(
      "LAYER_XATTR_NAME",
      `the extended attribute ${JSON.stringify(name)} of "${header.name}" can't be stored in a layer: its name has a "="`,
      {
        hint: "remove it with setfattr -x in the step that makes it",
      },
    );
  }
  return paxRecord(`SCHILY.xattr.${name}`, Buffer.from(value, "base64"));
}

/** `LENGTH KEY=VALUE\n`, where LENGTH counts itself. */
function paxRecord(key: string, value: string | Buffer): Buffer {
  const bytes = typeof value === "string" ? pathBytes(value) : value;
  const rest = Buffer.byteLength(key) + bytes.length + 3;
  let length = rest + String(rest).length;
  if (String(length).length !== String(rest).length) length = rest + String(length).length;
  return Buffer.concat([Buffer.from(`${length} ${key}=`), bytes, Buffer.from("\n")]);
}

function fitsTime(timeNs: bigint): boolean {
  return timeNs >= 0n && timeNs % NS === 0n && timeNs / NS <= BigInt(LARGEST_NUMBER);
}

/** Seconds with as many decimals as they need: `-1.5`, `1700000000.000000001`. */
export function decimalTime(timeNs: bigint): string {
  const absolute = timeNs < 0n ? -timeNs : timeNs;
  const fraction = (absolute % NS).toString().padStart(9, "0").replace(/0+$/, "");
  return `${timeNs < 0n ? "-" : ""}${absolute / NS}${fraction === "" ? "" : `.${fraction}`}`;
}

function encodeUstar(header: TarHeader, { prefix, name }: SplitName): Buffer {
  const block = Buffer.alloc(BLOCK_BYTES);
  const text = (field: readonly [number, number], value: string): void => void block.write(value, field[0], field[1], "latin1");
  const octal = (field: readonly [number, number], value: number): void => text(field, value.toString(8).padStart(field[1] - 1, "0"));
  text(FIELD.name, name);
  octal(FIELD.mode, header.mode);
  octal(FIELD.uid, atMost(header.uid, LARGEST_ID));
  octal(FIELD.gid, atMost(header.gid, LARGEST_ID));
  octal(FIELD.size, atMost(header.size, LARGEST_NUMBER));
  octal(FIELD.mtime, wholeSeconds(header.mtimeNs));
  text(FIELD.typeFlag, header.typeFlag);
  if (header.linkName !== undefined) text(FIELD.linkName, asciiPart(header.linkName));
  text(FIELD.magic, "ustar\u000000");
  octal(FIELD.devMajor, header.devMajor ?? 0);
  octal(FIELD.devMinor, header.devMinor ?? 0);
  text(FIELD.prefix, prefix);
  text(FIELD.checksum, `${checksum(block).toString(8).padStart(6, "0")}\0 `);
  return block;
}

/** A number that its field can't hold stands in a pax record; the field says 0 then. */
function atMost(value: number, largest: number): number {
  return value > largest ? 0 : value;
}

function wholeSeconds(timeNs: bigint): number {
  return timeNs < 0n ? 0 : atMost(Number(timeNs / NS), LARGEST_NUMBER);
}

/** Sum of the header's bytes, with its own field read as blanks. */
export function checksum(block: Uint8Array): number {
  let sum = 8 * 0x20;
  for (let at = 0; at < BLOCK_BYTES; at++) if (at < 148 || at >= 156) sum += block[at] ?? 0;
  return sum;
}
