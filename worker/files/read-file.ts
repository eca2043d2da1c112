/** Reading source files: every byte is hashed on its way, and a file that changes meanwhile is an error. */
import { closeSync, readSync } from "node:fs";
import type { BigIntStats } from "node:fs";
import { createHash } from "node:crypto";
import type { Digest } from "../../base/digest.js";
import { digestFromHex } from "../../base/digest.js";
import { isErrno, TsbuildError } from "../../base/errors.js";
import { isSameState } from "./entry.js";
import type { Pace } from "./pace.js";
import type { Selected } from "./selected.js";
import { stateOf } from "./tree.js";
import type { SourceView } from "./view.js";

/** One buffer's worth; smaller files are read at once. */
export const CHUNK_BYTES: number = 1024 * 1024;

export interface ReadOptions {
  /** Of CHUNK_BYTES; may be used again after the call. */
  readonly buffer: Buffer;
  readonly pace: Pace;
  /** Called with each piece and its offset, in order. The bytes are good during the call. */
  readonly onChunk?: (chunk: Buffer, offset: number) => void;
}

export interface ReadResult {
  readonly digest: Digest;
  /** The file as it was before and after reading. */
  readonly stat: BigIntStats;
}

/** @throws {TsbuildError} CONTEXT_CHANGED when it is no longer the file that was selected, or changes while it is read */
export async function readSource(view: SourceView, selected: Selected, options: ReadOptions): Promise<ReadResult> {
  const fd = openSource(view, selected);
  try {
    const before = stateOf(fd);
    if (!before.isFile() || (selected.entry.stat !== undefined && !isSameState(before, selected.entry.stat)))
      throw changed(view, selected.path);
    const digest = await hashPieces(fd, Number(before.size), options);
    if (digest === undefined || !isSameState(before, stateOf(fd))) throw changed(view, selected.path);
    return { digest, stat: before };
  } finally {
    closeSync(fd);
  }
}

/** Undefined when the file ends early. */
async function hashPieces(fd: number, size: number, { buffer, pace, onChunk }: ReadOptions): Promise<Digest | undefined> {
  const hash = createHash("sha256");
  for (let offset = 0; offset < size;) {
    const length = readSync(fd, buffer, 0, Math.min(buffer.length, size - offset), offset);
    if (length === 0) return undefined;
    const chunk = buffer.subarray(0, length);
    hash.update(chunk);
    onChunk?.(chunk, offset);
    offset += length;
    if (pace.isDue && offset < size) await pace.rest();
  }
  return digestFromHex(hash.digest("hex"));
}

/** The file, if it is still one. @throws {TsbuildError} CONTEXT_CHANGED */
export function openSource(view: SourceView, { path }: Selected): number {
  try {
    return view.open(path);
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR", "ELOOP", "ENXIO")) throw changed(view, path, error);
    throw error;
  }
}

export function changed(view: Pick<SourceView, "label">, path: string, cause?: unknown): TsbuildError {
  return new TsbuildError("CONTEXT_CHANGED", `"/${path}" in ${view.label} changed while it was being read`, {
    hint: "build again when nothing writes to it",
    cause,
  });
}
