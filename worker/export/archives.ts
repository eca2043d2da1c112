/** Images as files: OCI layouts and docker archives. */
import { createWriteStream, type WriteStream, renameSync, rmSync, statSync } from "node:fs";
import type { Writable } from "node:stream";
import { finished } from "node:stream/promises";
import { TsbuildError, isErrno } from "../../base/errors.js";
import type { Store } from "../../cache/store.js";
import type { Descriptor } from "../../image/types.js";

export interface ArchiveRequest {
  readonly store: Store;
  readonly type: "oci" | "docker";
  /** A path, or `-` for standard output. */
  readonly dest: string;
  /** False: an OCI layout as a folder. */
  readonly asTar: boolean;
  readonly names: readonly string[];
  readonly root: Descriptor;
  readonly signal: AbortSignal;
}

export async function writeArchive(request: ArchiveRequest): Promise<void> {
  const { store, type, dest, asTar, names, root, signal } = request;
  const { parseReference } = await import("../../image/reference.js");
  const references = names.map(parseReference);
  const { namedRoot } = await import("../../image/layout-index.js");
  const roots = references.length === 0 ? [root] : references.map((reference) => namedRoot(root, reference));
  const { writeOciLayout } = await import("../../image/layout.js");
  if (!asTar) {
    if (type === "docker" || dest === "-") throw new TsbuildError("OUTPUT_INVALID", "tar=false needs type=oci and a folder as dest");
    return writeOciLayout({ target: { type: "dir", path: dest }, roots, store: store.content, signal });
  }
  await intoFile(dest, async (stream) => {
    if (type === "oci") return writeOciLayout({ target: { type: "tar", stream }, roots, store: store.content, signal });
    const { writeDockerArchive } = await import("../../image/archive.js");
    return writeDockerArchive({ stream, images: [{ names: references, descriptor: root }], store: store.content, signal });
  });
}

/** Whole or not at all: written beside and renamed, unless the place is no ordinary file. */
export async function intoFile(dest: string, write: (stream: Writable) => Promise<void>): Promise<void> {
  if (dest === "-" || isSpecial(dest)) return writeThrough(dest === "-" ? createWriteStream("", { fd: 1, autoClose: false }) : createWriteStream(dest), write);
  const temporary = `${dest}.tsbuild-${process.pid}`;
  try {
    await writeThrough(createWriteStream(temporary, { flags: "wx" }), write);
    renameSync(temporary, dest);
  } catch (error) {
    rmSync(temporary, { force: true });
    if (!isErrno(error, "ENOENT", "EACCES", "EISDIR", "ENOTDIR", "ENOSPC", "EROFS")) throw error;
    throw new TsbuildError("OUTPUT_FAILED", `${dest} can't be written: ${error.message}`, { cause: error, hint: "check that its folder exists and has space" });
  }
}

async function writeThrough(stream: WriteStream, write: (stream: Writable) => Promise<void>): Promise<void> {
  // a descriptor that was handed to us is open already, and no event says so
  if (stream.pending) await opened(stream);
  await write(stream);
  stream.end();
  await finished(stream);
}

/** A file that can't be opened says so by an event, which nobody awaits while there is nothing to write. */
function opened(stream: WriteStream): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.once("open", () => resolve());
    stream.once("error", reject);
  });
}

function isSpecial(path: string): boolean {
  try {
    const facts = statSync(path);
    return !facts.isFile() && !facts.isDirectory();
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR")) return false;
    throw error;
  }
}
