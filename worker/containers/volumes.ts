/** Volumes: `volumes/NAME/_data`, and beside it a record of where it came from. */
import { randomBytes } from "node:crypto";
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { TsbuildError } from "../../base/errors.js";
import { readRecord, renameMaking, writeRecord } from "../../cache/record-file.js";
import { removeTree } from "../../cache/remove-tree.js";
import type { Store } from "../../cache/store.js";
import { optionalBoolean, optionalInteger, optionalStringMap } from "../../image/json-fields.js";
import { NO_NAMES, applyFileActions } from "../files/apply.js";
import { Tree } from "../files/tree.js";
import { openDirectoryView } from "../files/view.js";
import { resolveInTree } from "../thread/resolve-in-tree.js";
import { plainCopy } from "../../llb/plain-copy.js";

const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{1,200}$/;

export interface VolumeRecord {
  readonly isAnonymous: boolean;
  readonly labels: Readonly<Record<string, string>>;
  readonly createdAtMs: number;
}

export interface VolumeRequest {
  readonly name: string;
  /** Nobody chose the name. */
  readonly isAnonymous: boolean;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** A mounted root, and the path in it whose content an empty volume gets. */
  readonly seed?: { readonly rootfs: string; readonly path: string } | undefined;
  readonly signal: AbortSignal;
}

/** For a volume that nobody names. */
export function anonymousName(): string {
  return randomBytes(32).toString("hex");
}

/** @throws {TsbuildError} VOLUME_NAME_INVALID */
export function checkVolumeName(name: string): void {
  if (NAME.test(name)) return;
  throw new TsbuildError(
    "VOLUME_NAME_INVALID",
    `"${name}" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed`,
    {
      hint: "if you meant a folder of the host, write an absolute path",
    },
  );
}

/** The content folder of the volume of this name, made when it is new, and filled when it is empty. */
export async function openVolume(store: Store, request: VolumeRequest): Promise<string> {
  const { name } = request;
  checkVolumeName(name);
  const path = store.path("volumes", name, "_data");
  await using _lock = await store.locks.acquire(`volume/${name}`, { signal: request.signal });
  if (!existsSync(path)) await makeVolume(store, request);
  // In place: another container may have it mounted.
  else if (request.seed !== undefined && readdirSync(path).length === 0) await fillVolume(store, path, request.seed, request.signal);
  return path;
}

/** Undefined when there is no such volume. */
export function readVolume(store: Store, name: string): VolumeRecord | undefined {
  if (!NAME.test(name) || !existsSync(store.path("volumes", name, "_data"))) return undefined;
  const stored = readRecord(store.path("volumes", name, "record"), (fields) => ({
    isAnonymous: optionalBoolean(fields, "isAnonymous") ?? false,
    labels: optionalStringMap(fields, "labels") ?? {},
    createdAtMs: optionalInteger(fields, "createdAtMs") ?? 0,
  }));
  return stored?.value ?? { isAnonymous: false, labels: {}, createdAtMs: 0 };
}

/** What is missing already is fine. */
export function removeVolume(store: Store, name: string): void {
  if (NAME.test(name)) removeTree(store.kernel, store.path("volumes", name));
}

/** Appears with all its content or not at all. */
async function makeVolume(store: Store, { name, isAnonymous, labels = {}, seed, signal }: VolumeRequest): Promise<void> {
  const draft = store.temp.folder();
  const content = join(draft, "_data");
  mkdirSync(content);
  // Whatever our umask: users of the container go through it.
  chmodSync(content, 0o755);
  if (seed !== undefined) await fillVolume(store, content, seed, signal);
  const record: VolumeRecord = { isAnonymous, labels, createdAtMs: Date.now() };
  writeRecord(join(draft, "record"), { ...record }, { stamp: store.durability.now(), temporary: store.temp.name() });
  renameMaking(draft, store.path("volumes", name));
  store.temp.forget(draft);
}

/** The folder itself gets owner and mode, and a copy of all below; links are followed inside the root only, and copied as links. */
async function fillVolume(
  store: Store,
  path: string,
  { rootfs, path: target }: { readonly rootfs: string; readonly path: string },
  signal: AbortSignal,
): Promise<void> {
  const { kernel } = store;
  const source = sourceOf(store, rootfs, target);
  if (source === undefined) return;
  if (source.hasContent) {
    using view = openDirectoryView(kernel, rootfs, "the image");
    const action = plainCopy(`/${source.path}`, "/");
    await applyFileActions(kernel, { root: path, actions: [action], sources: [view], ...NO_NAMES, signal });
  }
  chownSync(path, source.uid, source.gid);
  chmodSync(path, source.mode);
}

interface SeedFolder {
  readonly path: string;
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
  readonly hasContent: boolean;
}

/** Undefined when the image has no folder there. */
function sourceOf(store: Store, rootfs: string, target: string): SeedFolder | undefined {
  using tree = new Tree(store.kernel, rootfs);
  const path = resolveInTree(tree, target);
  const stat = tree.lstat(path);
  if (stat?.isDirectory() !== true) return undefined;
  return { path, uid: Number(stat.uid), gid: Number(stat.gid), mode: Number(stat.mode) & 0o7777, hasContent: tree.list(path).length > 0 };
}
