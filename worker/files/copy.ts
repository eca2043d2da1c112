/** Copies a selection into a tree: the rules of COPY's destination. */
import { closeSync, ftruncateSync, writeSync } from "node:fs";
import type { Digest } from "../../base/digest.js";
import { TsbuildError } from "../../base/errors.js";
import type { CopyAction } from "../../llb/op.js";
import { unpackArchive } from "./archive.js";
import { RunningChecksum } from "./checksum.js";
import type { ChecksumOptions } from "./checksum.js";
import type { Destination, Ids, Metadata } from "./destination.js";
import type { Entry } from "./entry.js";
import { applyMode } from "./mode.js";
import { ROOT } from "./owner.js";
import type { Pace } from "./pace.js";
import { changed, CHUNK_BYTES, readSource } from "./read-file.js";
import { baseName, cleanRelative, joinPath, parentOf } from "./resolve.js";
import { selectSources } from "./select.js";
import type { Selected } from "./selected.js";
import type { SourceView } from "./view.js";

/** What the selection was when the step's key was made. */
export interface ExpectedSelection extends ChecksumOptions {
  readonly digest: Digest;
}

export interface CopyContext {
  readonly destination: Destination;
  readonly view: SourceView;
  readonly action: CopyAction;
  /** Of --chown. */
  readonly owner: Ids | undefined;
  /** Time of folders that only the destination asked for. */
  readonly mtimeNs: bigint | undefined;
  readonly expected: ExpectedSelection | undefined;
  /** Of a context's files, by path in the view. Empty: nothing is known. */
  readonly expectedDigests: ReadonlyMap<string, Digest> | undefined;
  readonly buffer: Buffer;
  readonly pace: Pace;
}

const PARENT_MODE = 0o755;

/** @throws {TsbuildError} those of `selectSources`, COPY_CONFLICT, COPY_NEEDS_FOLDER, NOT_A_FOLDER, CONTEXT_CHANGED */
export async function copySelection(context: CopyContext): Promise<void> {
  const { action, view, expected, pace } = context;
  const checksum = new RunningChecksum(expected ?? { owner: false, mode: false, contentsOnly: true });
  const placed = new Set<string>();
  let source: PlacedSource | undefined;
  for (const selected of selectSources(view, action)) {
    if (selected.relative === "") source = await beginSource(context, selected, placed);
    if (source === undefined) throw new Error("Internal error: a selection begins with its source");
    checksum.add(selected, source.archive ?? (await copyOne(context, source, selected)));
    if (pace.isDue) await pace.rest();
  }
  if (expected !== undefined && checksum.finish().digest !== expected.digest) throw changed(view, "");
}

interface PlacedSource {
  /** Where the source itself goes. */
  readonly path: string;
  /** Where the first name of each inode went. */
  readonly links: Map<string, { readonly path: string; readonly digest: Digest }>;
  /** Digest of an archive that was unpacked. */
  readonly archive?: Digest | undefined;
}

async function beginSource(context: CopyContext, selected: Selected, placed: Set<string>): Promise<PlacedSource> {
  const links: PlacedSource["links"] = new Map();
  const archive = context.action.unpack && selected.entry.type === "file" ? await unpackInto(context, selected) : undefined;
  if (archive !== undefined) return { path: "", links, archive };
  const path = placeSource(context, selected);
  // In a folder the later of two with one name stays, as Docker has it; it is the destination itself that holds one file only.
  const isDestination = path === locate(context, context.action.destination);
  if (selected.entry.type !== "dir" && isDestination && placed.has(path)) throw needsFolder(context.action);
  placed.add(path);
  return { path, links };
}

/** Undefined when the file is no archive. */
async function unpackInto(context: CopyContext, selected: Selected): Promise<Digest | undefined> {
  const { view, destination, action } = context;
  const isUnpacked = await unpackArchive({
    view,
    selected,
    pace: context.pace,
    prepare: () => {
      const folder = locate(context, action.destination);
      destination.makeFolders(folder, { ...parentOptions(context), mode: PARENT_MODE });
      return { destination, folder, owner: context.owner };
    },
  });
  if (!isUnpacked) return undefined;
  const { digest } = await readSource(view, selected, context);
  checkDigest(context, selected, digest);
  return digest;
}

/** Where a source goes, with the folders above it made. */
function placeSource(context: CopyContext, { entry, name }: Selected): string {
  const { action, destination } = context;
  const keepsContent = action.contentsOnly || action.keepParents;
  let path = locate(context, action.destination);
  if (action.destination.endsWith("/")) destination.makeFolders(path, parentOptions(context));
  const existing = path === "" ? "dir" : destination.lstat(path)?.type;
  if (entry.type === "dir" ? !keepsContent && existing !== undefined : existing === "dir") path = joinPath(path, name);
  destination.makeFolders(entry.type === "dir" && keepsContent && existing === undefined ? path : parentOf(path), parentOptions(context));
  return path;
}

/** Links that are not followed are replaced by folders when those are made. */
function locate({ action, destination }: CopyContext, path: string): string {
  return action.followDestinationLinks ? destination.resolve(path) : cleanRelative(path);
}

function parentOptions({ action, owner, mtimeNs }: CopyContext): {
  mode: number;
  ids: Ids;
  mtimeNs: bigint | undefined;
  replaces: boolean;
} {
  const mode = action.mode === undefined ? PARENT_MODE : applyMode(action.mode, PARENT_MODE, true);
  return { mode, ids: owner ?? ROOT, mtimeNs, replaces: !action.followDestinationLinks };
}

/** The digest of a regular file. */
async function copyOne(context: CopyContext, source: PlacedSource, selected: Selected): Promise<Digest | undefined> {
  const path = joinPath(source.path, selected.relative);
  const { entry } = selected;
  const { destination } = context;
  if (entry.type === "dir") {
    copyFolder(context, path, selected);
    return undefined;
  }
  makeRoom(context, path);
  const metadata = metadataOf(context, entry);
  if (entry.type === "symlink") destination.makeLink(path, entry.target ?? "", metadata);
  else if (entry.type === "file") return copyFile(context, source, { selected, path, metadata });
  else if (entry.type === "socket") throw new Error(`Internal error: a socket was selected: ${selected.path}`);
  else destination.makeNode(path, { type: entry.type, major: entry.devMajor ?? 0, minor: entry.devMinor ?? 0 }, metadata);
  return undefined;
}

/** A folder that is there gets the metadata of the one that is copied, but for the destination itself and for those that --parents brings along. */
function copyFolder(context: CopyContext, path: string, { entry, relative, implied }: Selected): void {
  const { destination, action } = context;
  const existing = path === "" ? "dir" : destination.lstat(path)?.type;
  const metadata = metadataOf(context, entry);
  if (existing === undefined) return destination.makeFolder(path, metadata);
  if (existing !== "dir") {
    if (action.followDestinationLinks)
      throw conflict(
        `cannot copy a folder to "/${path}": it is not a directory`,
        existing === "symlink" ? "it is a link; copy to the folder it leads to" : "a file is in the way",
      );
    destination.remove(path);
    return destination.makeFolder(path, metadata);
  }
  if (relative === "") {
    if (path !== "") destination.keepTime(path, entry.mtimeNs);
  } else if (implied !== true) destination.dress(path, metadata, "dir");
}

/** Removes what a file replaces. */
function makeRoom({ destination, action }: CopyContext, path: string): void {
  const existing = destination.lstat(path);
  if (existing === undefined) return;
  if (existing.type === "dir" && action.followDestinationLinks)
    throw conflict(`cannot replace directory "/${path}" with a file`, "choose another destination, or remove the folder before");
  destination.remove(path);
}

function metadataOf({ action, owner, view }: CopyContext, entry: Entry): Metadata {
  const ids = owner ?? (view.hasOwners ? entry : ROOT);
  const mode = action.mode === undefined ? entry.mode : applyMode(action.mode, entry.mode, entry.type === "dir");
  return { uid: ids.uid, gid: ids.gid, mode, mtimeNs: entry.mtimeNs, xattrs: entry.xattrs };
}

interface FileCopy {
  readonly selected: Selected;
  readonly path: string;
  readonly metadata: Metadata;
}

async function copyFile(context: CopyContext, { links }: PlacedSource, { selected, path, metadata }: FileCopy): Promise<Digest> {
  const { destination } = context;
  const { linkId } = selected.entry;
  const first = linkId === undefined ? undefined : links.get(linkId);
  if (first !== undefined) destination.hardLink(first.path, path);
  const digest = first?.digest ?? (await copyBytes(context, { selected, path, metadata }));
  checkDigest(context, selected, digest);
  destination.digests.set(path, digest);
  if (linkId !== undefined && first === undefined) links.set(linkId, { path, digest });
  return digest;
}

const NOTHING = Buffer.alloc(CHUNK_BYTES);

/** Blocks of zeros in large files become holes. */
async function copyBytes(context: CopyContext, { selected, path, metadata }: FileCopy): Promise<Digest> {
  const { view, destination, buffer, pace } = context;
  const fd = destination.createFile(path);
  let isOpen = true;
  try {
    const onChunk = (chunk: Buffer, offset: number): void => {
      if (chunk.length < CHUNK_BYTES || !chunk.equals(NOTHING)) writeAll(fd, chunk, offset);
    };
    const { digest, stat } = await readSource(view, selected, { buffer, pace, onChunk });
    if (stat.size >= BigInt(CHUNK_BYTES)) ftruncateSync(fd, Number(stat.size));
    isOpen = false;
    destination.finishFile(path, fd, metadata);
    return digest;
  } finally {
    if (isOpen) closeSync(fd);
  }
}

function writeAll(fd: number, chunk: Buffer, position: number): void {
  for (let done = 0; done < chunk.length;) done += writeSync(fd, chunk, done, chunk.length - done, position + done);
}

/** Stages and images don't change; a context may while the build runs. */
function checkDigest({ view, expectedDigests }: CopyContext, { path }: Selected, digest: Digest): void {
  if (expectedDigests === undefined || expectedDigests.size === 0 || view.hasOwners) return;
  if (expectedDigests.get(path) !== digest) throw changed(view, path);
}

function conflict(message: string, hint: string): TsbuildError {
  return new TsbuildError("COPY_CONFLICT", message, { hint });
}

function needsFolder({ destination }: CopyAction): TsbuildError {
  return new TsbuildError("COPY_NEEDS_FOLDER", `several sources can't be copied to one file "${destination}"`, {
    hint: `write "${destination}/" if "${baseName(destination)}" is to be a folder`,
  });
}
