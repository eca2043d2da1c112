/**
 * Any image archive in one pass: every file goes into the store as it comes, documents stay in memory, and what they
 * mean is decided when all is there. No path of the archive is ever used on a disk.
 */
import { isDigest, type Digest } from "../base/digest.js";
import { posix } from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Extract, Header } from "tar-stream";
import { TsbuildError } from "../base/errors.js";
import { commitChecked, type BlobStore } from "./blob-store.js";
import { sniffCompression, uncompressed } from "./outer-compression.js";
import { MAX_MANIFEST_BYTES } from "./parse.js";
import { invalidArchive } from "./tar-files.js";

export interface ArchivedFile {
  readonly digest: Digest;
  readonly size: number;
  readonly compression: ReturnType<typeof sniffCompression>;
}

export interface ArchiveContents {
  /** `manifest.json`, `index.json` or `oci-layout`. */
  document(name: string): Buffer | undefined;
  /** A stored file, links within the archive followed by name. */
  file(name: string): ArchivedFile | undefined;
}

const DOCUMENTS: ReadonlySet<string> = new Set(["manifest.json", "index.json", "oci-layout"]);
/** Of the first Docker archives; nobody needs them now. */
const IGNORED = /^(?:repositories|[^/]+\/(?:VERSION|json))$/;
const BLOB = /^blobs\/sha256\/([0-9a-f]{64})$/;
const MAX_ENTRIES = 100_000;
const MAX_LINKS = 16;

type Entry = Extract extends AsyncIterable<infer Source> ? Source : never;

interface Found {
  readonly documents: Map<string, Buffer>;
  readonly files: Map<string, ArchivedFile>;
  readonly links: Map<string, string>;
}

/** @throws {TsbuildError} ARCHIVE_INVALID that names the entry, BLOB_MISMATCH */
export async function readArchive(stream: Readable, store: BlobStore, signal: AbortSignal): Promise<ArchiveContents> {
  const found: Found = { documents: new Map(), files: new Map(), links: new Map() };
  const { extract: newExtract } = await import("tar-stream");
  const extract = newExtract();
  const stages = await uncompressed(stream);
  const failing = new AbortController();
  const feeding = pipeline([...stages, extract], { signal: AbortSignal.any([signal, failing.signal]) });
  const reading = readEntries(extract, { store, found, signal });
  const settled = await Promise.allSettled(
    [feeding, reading].map((work) =>
      work.catch((error: unknown) => {
        failing.abort(error);
        throw error;
      }),
    ),
  );
  signal.throwIfAborted();
  if (settled.some(({ status }) => status === "rejected")) throw readable(failing.signal.reason);
  return { document: (name) => found.documents.get(name), file: (name) => resolve(found, name) };
}

interface Reading {
  readonly store: BlobStore;
  readonly found: Found;
  readonly signal: AbortSignal;
}

async function readEntries(entries: AsyncIterable<Entry>, reading: Reading): Promise<void> {
  let count = 0;
  for await (const entry of entries) {
    if (++count > MAX_ENTRIES) throw invalidArchive(`it has more than ${MAX_ENTRIES} entries`);
    await takeEntry(entry, reading);
  }
}

async function takeEntry(entry: Entry, reading: Reading): Promise<void> {
  const { header } = entry;
  const { found } = reading;
  const name = safeName(header.name);
  const chunks = chunksOf(entry, reading);
  if (!Number.isSafeInteger(header.size) || header.size < 0) throw invalidArchive(`${shown(name)} has no proper size`);
  if (found.documents.has(name) || found.files.has(name) || found.links.has(name)) throw invalidArchive(`${shown(name)} is in it twice`);
  if (header.type === "directory" || name === "") {
    await drain(chunks);
  } else if (header.type === "symlink" || header.type === "link") {
    found.links.set(name, linkTarget(name, header));
    await drain(chunks);
  } else if (header.type !== "file" && header.type !== "contiguous-file") {
    throw invalidArchive(`${shown(name)} is a ${String(header.type)}, which has no place in an image archive`);
  } else if (DOCUMENTS.has(name)) {
    found.documents.set(name, await readDocument(chunks, name, header.size));
  } else if (IGNORED.test(name)) {
    await drain(chunks);
  } else {
    found.files.set(name, await storeFile(chunks, name, reading.store));
  }
}

async function* chunksOf(entry: Entry, { signal }: Reading): AsyncGenerator<Buffer> {
  for await (const chunk of entry as AsyncIterable<unknown>) {
    signal.throwIfAborted();
    if (Buffer.isBuffer(chunk)) yield chunk;
  }
}

async function drain(chunks: AsyncIterable<Buffer>): Promise<void> {
  for await (const chunk of chunks) void chunk;
}

/** `./a//b` is `a/b`. @throws {TsbuildError} ARCHIVE_INVALID for a path that leads out */
function safeName(name: string): string {
  const parts = name.split("/").filter((part) => part !== "" && part !== ".");
  if (name.startsWith("/") || name.includes("\0") || parts.includes("..")) throw invalidArchive(`the path ${shown(name)} leads out of it`);
  return parts.join("/");
}

/** Older Docker archives link layers that are equal. Documents and blobs are never links. */
function linkTarget(name: string, header: Header): string {
  if (DOCUMENTS.has(name) || name.startsWith("blobs/") || name === "blobs") throw invalidArchive(`${shown(name)} is a link`);
  const target = header.linkname ?? "";
  const path = header.type === "link" ? posix.normalize(target) : posix.normalize(posix.join(posix.dirname(name), target));
  if (target === "" || target.startsWith("/") || path === ".." || path.startsWith("../"))
    throw invalidArchive(`the link ${shown(name)} to ${shown(target)} leads out of it`);
  return path;
}

function resolve(found: Found, name: string): ArchivedFile | undefined {
  let at = safeName(name);
  for (let links = 0; links < MAX_LINKS; links++) {
    const file = found.files.get(at);
    const target = found.links.get(at);
    if (file !== undefined || target === undefined) return file;
    at = target;
  }
  throw invalidArchive(`the link ${shown(name)} leads in a circle`);
}

async function readDocument(source: AsyncIterable<Buffer>, name: string, size: number): Promise<Buffer> {
  if (size > MAX_MANIFEST_BYTES) throw invalidArchive(`${shown(name)} has more than ${MAX_MANIFEST_BYTES} bytes`);
  const chunks: Buffer[] = [];
  for await (const chunk of source) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function storeFile(chunks: AsyncIterable<Buffer>, name: string, store: BlobStore): Promise<ArchivedFile> {
  const hex = BLOB.exec(name)?.[1];
  const expected = hex === undefined ? undefined : `sha256:${hex}`;
  await using writer = await store.writer();
  let head: Buffer = Buffer.alloc(0);
  let size = 0;
  for await (const chunk of chunks) {
    if (head.length < 6) head = Buffer.concat([head, chunk.subarray(0, 6)]);
    size += chunk.length;
    await writer.write(chunk);
  }
  const isNamed = expected !== undefined && isDigest(expected);
  const problem = `the bytes of ${name} don't have that digest`;
  const digest = isNamed ? await commitChecked(writer, { digest: expected, size }, problem) : await writer.commit({ size });
  return { digest, size, compression: sniffCompression(head) };
}

/** What zlib, zstd and tar-stream say, as an error for people. */
function readable(error: unknown): unknown {
  if (error instanceof TsbuildError || !(error instanceof Error)) return error;
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  const isOurs = /^E[A-Z]+$/.test(code) || error.message.startsWith("Internal error");
  return isOurs ? error : invalidArchive(error.message, error);
}

function shown(text: string): string {
  return JSON.stringify(text.slice(0, 200));
}
