/** Images as files: OCI layouts and docker archives. */
import { randomBytes } from "node:crypto";
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
  await intoFile(store, dest, async (stream) => {
    if (type === "oci") return writeOciLayout({ target: { type: "tar", stream }, roots, store: store.content, signal });
    const { writeDockerArchive } = await import("../../image/archive.js");
    return writeDockerArchive({ stream, images: [{ names: references, descriptor: root }], store: store.content, signal });
  });
}

/** Whole or not at all. `-` is standard output. */
export async function intoFile(store: Store, dest: string, write: (stream: Writable) => Promise<void>): Promise<void> {
  if (dest === "-") return writeThrough(createWriteStream("", { fd: 1, autoClose: false }), write);
  return intoPath(store, dest, (path) => writeThrough(createWriteStream(path), write));
}

/**
 * Whole or not at all: `write` gets a path beside `dest`, which is renamed afterwards, unless the place is no ordinary file.
 * What a killed process was writing is removed by the next command. (Process ids say nothing here: ours is always 1.)
 */
export async function intoPath(store: Store, dest: string, write: (path: string) => Promise<void>): Promise<void> {
  if (isSpecial(dest)) return write(dest);
  const draft = { type: "path", path: `${dest}.tsbuild-${randomBytes(6).toString("hex")}` } as const;
  await store.lease.own(draft);
  try {
    await write(draft.path);
    renameSync(draft.path, dest);
  } catch (error) {
    rmSync(draft.path, { force: true });
    if (!isErrno(error, "ENOENT", "EACCES", "EISDIR", "ENOTDIR", "ENOSPC", "EROFS")) throw error;
    throw new TsbuildError("OUTPUT_FAILED", `${dest} can't be written: ${error.message}`, {
      cause: error,
      hint: "check that its folder exists and has space",
    });
  } finally {
    await store.lease.release(draft);
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
