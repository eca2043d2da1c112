/** An OCI layout that is a folder. Every step below its root is taken without following links. */
import { closeSync, constants, createReadStream, fstatSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { lstat, open, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { threadId } from "node:worker_threads";
import { digestHex, type Digest } from "../base/digest.js";
import { isErrno, TsbuildError } from "../base/errors.js";
import { commitChecked, type BlobStore } from "./blob-store.js";
import { imagesOfIndex, indexBytes, LAYOUT_BYTES, mergedRoots, rootsOf, type ImportedImage } from "./layout-index.js";
import { imageContent, requirePresent } from "./image-content.js";
import { isIndexType, isManifestType, MAX_MANIFEST_BYTES, parseManifestOrIndex } from "./parse.js";
import { invalidArchive, verifiedStream } from "./tar-files.js";
import type { Descriptor } from "./types.js";

export interface WriteFolderOptions {
  readonly path: string;
  readonly roots: readonly Descriptor[];
  readonly blobs: readonly Descriptor[];
  readonly store: BlobStore;
  readonly signal: AbortSignal;
}

const MAX_DEPTH = 4;

/** index.json is replaced last, by rename: until then the folder is what it was. */
export async function writeLayoutFolder({ path, roots, blobs, store, signal }: WriteFolderOptions): Promise<void> {
  mkdirSync(path, { recursive: true });
  const older = readOlderRoots(path);
  for (const folder of ["blobs", "blobs/sha256"]) {
    mkdirSync(join(path, folder), { recursive: true });
    if (!(await lstat(join(path, folder))).isDirectory()) throw invalidArchive(`${join(path, folder)} is not a folder`);
  }
  for (const blob of blobs) {
    const target = join(path, "blobs/sha256", digestHex(blob.digest));
    if (!(await isFileOfSize(target, blob.size))) await writeFileWhole(target, verifiedStream(store, blob), signal);
  }
  await writeFileWhole(join(path, "oci-layout"), [LAYOUT_BYTES], signal);
  await writeFileWhole(join(path, "index.json"), [indexBytes(mergedRoots(older, roots))], signal);
}

/** Reads what the images of index.json need into the store, each blob checked; nothing else in the folder is looked at. */
export async function importLayoutFolder(path: string, store: BlobStore, signal: AbortSignal): Promise<readonly ImportedImage[]> {
  const root = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    const images = imagesOfIndex(readSmall(root, path, ["index.json"]), readSmall(root, path, ["oci-layout"]));
    for (const { descriptor } of images) await importTree({ root, path, store, signal }, descriptor, 0);
    const { blobs } = await imageContent(
      store,
      images.map(({ descriptor }) => descriptor),
    );
    await requirePresent(store, blobs);
    return images;
  } finally {
    closeSync(root);
  }
}

interface Folder {
  readonly root: number;
  readonly path: string;
  readonly store: BlobStore;
  readonly signal: AbortSignal;
}

/** A child of an index may be absent, as in a folder that was copied for one platform. */
async function importTree(folder: Folder, descriptor: Descriptor, depth: number): Promise<void> {
  if (depth > MAX_DEPTH) throw invalidArchive(`indexes are nested deeper than ${MAX_DEPTH} levels`);
  if (!(await importBlob(folder, descriptor)) && depth > 0) return;
  if ((await folder.store.size(descriptor.digest, descriptor.size)) === undefined)
    throw new TsbuildError("IMAGE_INCOMPLETE", `${folder.path} has no blob ${descriptor.digest}`);
  if (!isIndexType(descriptor.mediaType) && !isManifestType(descriptor.mediaType))
    throw invalidArchive(`index.json names a ${descriptor.mediaType}, which is no kind of image`);
  const parsed = parseManifestOrIndex(await folder.store.read(descriptor.digest, MAX_MANIFEST_BYTES), descriptor.mediaType);
  if (parsed.type === "manifest") {
    for (const part of [parsed.manifest.config, ...parsed.manifest.layers]) await importBlob(folder, part);
  } else {
    for (const child of parsed.index.manifests) await importTree(folder, child, depth + 1);
  }
}

/** False when neither the folder nor the store has it. */
async function importBlob({ root, path, store, signal }: Folder, { digest, size }: Descriptor): Promise<boolean> {
  signal.throwIfAborted();
  if ((await store.size(digest, size)) !== undefined) return true;
  const fd = openBlob(root, path, digest);
  if (fd === undefined) return false;
  await using writer = await store.writer();
  for await (const chunk of createReadStream("", { fd, autoClose: true, highWaterMark: 256 * 1024 })) {
    signal.throwIfAborted();
    if (Buffer.isBuffer(chunk)) await writer.write(chunk);
  }
  await commitChecked(writer, { digest, size }, `the blob ${digest} in ${path} is damaged`);
  return true;
}

function openBlob(root: number, path: string, digest: Digest): number | undefined {
  try {
    return openBelow(root, path, ["blobs", "sha256", digestHex(digest)]);
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}

function readSmall(root: number, path: string, parts: readonly string[]): Buffer {
  let fd: number;
  try {
    fd = openBelow(root, path, parts);
  } catch (cause) {
    if (isErrno(cause, "ENOENT")) throw invalidArchive(`${path} is not an OCI layout: ${parts.join("/")} is missing`, cause);
    throw cause;
  }
  try {
    if (fstatSync(fd).size > MAX_MANIFEST_BYTES) throw invalidArchive(`${join(path, ...parts)} has more than ${MAX_MANIFEST_BYTES} bytes`);
    return readFileSync(fd);
  } finally {
    closeSync(fd);
  }
}

/**
 * Opens a regular file below a folder, part by part through descriptors, each with O_NOFOLLOW: the same as openat for
 * each part, so that no link, and no exchange of a folder for a link meanwhile, leads out.
 */
function openBelow(root: number, path: string, parts: readonly string[]): number {
  let folder = root;
  try {
    for (const [at, part] of parts.entries()) {
      const isLast = at === parts.length - 1;
      const kind = isLast ? constants.O_NONBLOCK : constants.O_DIRECTORY;
      const next = openSync(`/proc/self/fd/${folder}/${part}`, constants.O_RDONLY | constants.O_NOFOLLOW | kind);
      if (folder !== root) closeSync(folder);
      folder = next;
    }
    if (!fstatSync(folder).isFile()) throw invalidArchive(`${join(path, ...parts)} is not a regular file`);
    return folder;
  } catch (error) {
    if (folder !== root) closeSync(folder);
    if (isErrno(error, "ELOOP", "ENOTDIR")) throw invalidArchive(`${join(path, ...parts)} goes through a symbolic link`);
    throw error;
  }
}

function readOlderRoots(path: string): readonly Descriptor[] {
  const root = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    return rootsOf(readSmall(root, path, ["index.json"]));
  } catch (error) {
    if (error instanceof TsbuildError && isErrno(error.cause, "ENOENT")) return [];
    throw error;
  } finally {
    closeSync(root);
  }
}

async function isFileOfSize(path: string, size: number): Promise<boolean> {
  try {
    const found = await lstat(path);
    return found.isFile() && found.size === size;
  } catch (error) {
    if (isErrno(error, "ENOENT")) return false;
    throw error;
  }
}

async function writeFileWhole(path: string, chunks: AsyncIterable<Buffer> | Iterable<Buffer>, signal: AbortSignal): Promise<void> {
  const temporary = `${path}.tmp-${process.pid}-${threadId}`;
  await rm(temporary, { force: true });
  const file = await open(temporary, "wx", 0o644);
  try {
    for await (const chunk of chunks) {
      signal.throwIfAborted();
      await file.writev([chunk]);
    }
    await file.close();
    await rename(temporary, path);
  } catch (error) {
    await file.close();
    await rm(temporary, { force: true });
    throw error;
  }
}
