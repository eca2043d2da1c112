/** Layers to directories in overlay's form. */
import { createHash } from "node:crypto";
import { unlinkSync } from "node:fs";
import type { Digest } from "../../base/digest.js";
import { digestFromHex } from "../../base/digest.js";
import { TsbuildError, messageOf } from "../../base/errors.js";
import type { Kernel } from "../../sys/types.js";
import type { FileEntry, FileList } from "../types.js";
import { AloneTarget } from "./alone-target.js";
import { openBlob } from "./decompress.js";
import { normalizeName, readEntryName } from "./entry-name.js";
import { parentPath } from "./entry.js";
import type { LaidOut, LayerTarget } from "./layer-target.js";
import type { UnpackLimits } from "./limits.js";
import { DEFAULT_UNPACK_LIMITS, ExpansionMeter } from "./limits.js";
import { MergedTarget } from "./merged-target.js";
import { placeOf } from "./scan.js";
import type { TarEntry, TarHandler } from "./tar-reader.js";
import { TarReader } from "./tar-reader.js";
import type { OverlayXattrs } from "./write-node.js";
import { FileWriter, setDirectoryMetadata } from "./write-node.js";

export interface UnpackRequest {
  /** File with the layer's blob: tar, gzip or zstd, told apart by its first bytes. */
  readonly blobPath: string;
  /** As the manifest says. Encrypted types are refused by it. */
  readonly mediaType: string;
  /** An empty directory, which becomes the layer. Nobody else may write there meanwhile. */
  readonly destDir: string;
  /**
   * Mountpoint of an overlay over the layer's parents whose upper is `destDir`: the layer is applied through it, and the
   * kernel follows the parents' links. Unset: the layer is laid out alone, before or beside its parents.
   */
  readonly root?: string | undefined;
  readonly limits?: Partial<UnpackLimits> | undefined;
  /** Which xattrs mark opaque directories: `user` for overlays mounted with userxattr. Default `trusted`. */
  readonly overlayXattrs?: OverlayXattrs | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface UnpackedLayer extends LaidOut {
  /** SHA-256 of the uncompressed tar, all its bytes. For the caller to compare. */
  readonly diffId: Digest;
  /** About what the layer takes on disk: files in blocks of 4 KiB, each inode once. */
  readonly sizeBytes: number;
  /** Bytes of the uncompressed tar. */
  readonly tarSizeBytes: number;
}

/**
 * Unpacks one layer. A failure leaves a part in `destDir`, for the caller to remove; nothing is ever written outside it.
 * @throws {TsbuildError} LAYER_CORRUPT, LAYER_LIMIT, LAYER_UNSUPPORTED, LAYER_UNSAFE_PATH; LAYER_UNPACK when the disk refuses
 */
export async function unpackLayer(kernel: Kernel, request: UnpackRequest): Promise<UnpackedLayer> {
  const { blobPath, mediaType, destDir, root, signal } = request;
  const limits = { ...DEFAULT_UNPACK_LIMITS, ...request.limits };
  const target =
    root === undefined
      ? new AloneTarget(kernel, destDir, request.overlayXattrs ?? "trusted")
      : new MergedTarget(kernel, { root, upper: destDir });
  const applier = new Applier(kernel, target);
  try {
    const { blobBytes, pieces } = openBlob(blobPath, mediaType);
    const reader = new TarReader(applier, limits);
    const meter = new ExpansionMeter(limits, blobBytes);
    const state = createHash("sha256");
    let tarSizeBytes = 0;
    for await (const piece of pieces) {
      signal?.throwIfAborted();
      tarSizeBytes += piece.length;
      meter.add(piece.length);
      state.update(piece);
      reader.push(piece);
    }
    reader.end();
    const laidOut = target.finish();
    return { ...laidOut, diffId: digestFromHex(state.digest("hex")), sizeBytes: blockBytesOf(laidOut.list), tarSizeBytes };
  } finally {
    applier.close();
    target.close();
  }
}

/** Brings the tar's entries to their target. */
class Applier implements TarHandler {
  readonly #kernel: Kernel;
  readonly #target: LayerTarget;
  #writer: FileWriter | undefined;
  #name = "";

  constructor(kernel: Kernel, target: LayerTarget) {
    this.#kernel = kernel;
    this.#target = target;
  }

  entry(entry: TarEntry): void {
    this.#name = entry.name;
    this.#guarded(() => this.#apply(entry));
  }

  data(bytes: Buffer): void {
    const writer = this.#writer;
    if (writer !== undefined) this.#guarded(() => writer.write(bytes));
  }

  entryEnd(): void {
    const writer = this.#writer;
    if (writer === undefined) return;
    this.#writer = undefined;
    this.#guarded(() => this.#target.fileDone(writer.finish()));
  }

  close(): void {
    this.#writer?.close();
    this.#writer = undefined;
  }

  #apply(entry: TarEntry): void {
    const name = readEntryName(entry.name);
    switch (name.kind) {
      case "entry":
        return this.#applyEntry(name.path, entry);
      case "whiteout":
        return this.#target.whiteout(name.path);
      case "opaque":
        return this.#target.opaque(name.path);
      case "ignored":
        return undefined;
    }
  }

  #applyEntry(path: string, entry: TarEntry): void {
    switch (entry.type) {
      case "dir":
        return this.#target.directory(path, entry);
      case "file":
        this.#writer = new FileWriter(this.#kernel, this.#target.file(path, entry), entry);
        return undefined;
      case "hardlink":
        return this.#target.hardlink(path, normalizeName(entry.linkName));
      // What overlayfs would take for a whiteout is one.
      case "char":
        return entry.devMajor === 0 && entry.devMinor === 0 ? this.#target.whiteout(path) : this.#target.special(path, entry);
      case "symlink":
      case "block":
      case "fifo":
        return this.#target.special(path, entry);
    }
  }

  #guarded(act: () => void): void {
    try {
      act();
    } catch (error) {
      if (error instanceof TsbuildError) throw error;
      throw new TsbuildError("LAYER_UNPACK", `can't unpack ${JSON.stringify(this.#name)}: ${messageOf(error)}`, { cause: error });
    }
  }
}

const BLOCK = 4096;

function blockBytesOf(list: FileList): number {
  return list.reduce((sum, { type, size }) => sum + (type === "dir" ? BLOCK : Math.ceil(size / BLOCK) * BLOCK), 0);
}

/**
 * Whether a layer that was laid out alone has to be unpacked again through the mounted root of its parents: it links to
 * something below, or puts something into what is a link below (usrmerge's `/lib`).
 * @param lowerList what the layers below show together, from `joinFileLists`
 */
export function needsReapply(lowerList: FileList, unpacked: Pick<LaidOut, "assumedDirs" | "needsParents">): boolean {
  if (unpacked.needsParents) return true;
  const assumed = new Set(unpacked.assumedDirs);
  return lowerList.some((entry) => entry.type === "symlink" && assumed.has(entry.path));
}

/**
 * Settles a layer on those below it; to be called for every layer, the bottom one too (with an empty list).
 * Directories that its tar did not name get the mode, owner, time and xattrs they have below; what isn't below stays as it is.
 * Whiteouts that hide nothing are removed: overlayfs lists them in directories that only one layer has (seen with Linux 6.18:
 * readdir names them, stat says ENOENT). Changes the disk and returns the layer's list with the same changes.
 * @param lowerList what the layers below show together, from `joinFileLists`
 */
export function fixImpliedDirs(
  kernel: Kernel,
  destDir: string,
  unpacked: Pick<LaidOut, "list" | "impliedDirs">,
  lowerList: FileList,
): FileEntry[] {
  const implied = new Set(unpacked.impliedDirs);
  const whiteouts = new Set(unpacked.list.filter(({ type }) => type === "whiteout").map(({ path }) => path));
  const below = new Map<string, FileEntry>();
  for (const entry of lowerList)
    if (whiteouts.has(entry.path) || (entry.type === "dir" && implied.has(entry.path))) below.set(entry.path, entry);
  const isVoid = (entry: FileEntry): boolean => entry.type === "whiteout" && !below.has(entry.path);
  const touched = removeWhiteouts(destDir, unpacked.list.filter(isVoid));
  return unpacked.list
    .filter((entry) => !isVoid(entry))
    .map((entry) => {
      const lower = entry.type === "dir" ? below.get(entry.path) : undefined;
      const settled: FileEntry = lower === undefined ? entry : entry.opaque === true ? { ...lower, opaque: true } : lower;
      if (lower !== undefined) setDirectoryMetadata(kernel, placeOf(destDir, entry.path), lower);
      if (lower !== undefined || touched.has(entry.path)) kernel.setTimes(placeOf(destDir, entry.path), settled.mtimeNs, settled.mtimeNs);
      return settled;
    });
}

/** Returns the directories in which something was removed. */
function removeWhiteouts(destDir: string, whiteouts: FileList): ReadonlySet<string> {
  for (const { path } of whiteouts) unlinkSync(placeOf(destDir, path));
  return new Set(whiteouts.map(({ path }) => parentPath(path)));
}
