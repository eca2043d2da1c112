/** Layers' file lists laid upon each other, as overlayfs does it with their folders. */
import type { FileEntry, FileList } from "../types.js";
import { parentPath, sortByPath } from "./entry.js";
import { regroupLinks } from "./link-groups.js";

/**
 * What an overlay mount of these layers shows: no whiteouts, no opaque marks.
 * A hard link whose first name is hidden by a layer above lives on under its next name.
 * @param lists bottom first
 */
export function joinFileLists(lists: readonly FileList[]): FileList {
  return overlay(lists)
    .filter((entry) => entry.type !== "whiteout")
    .map(withoutOpaque);
}

/**
 * The one layer that does to anything below what these layers do one after another: whiteouts and opaque marks stay.
 * @param lists bottom first
 */
export function joinLayers(lists: readonly FileList[]): FileList {
  return overlay(lists);
}

function withoutOpaque(entry: FileEntry): FileEntry {
  if (entry.opaque === undefined) return entry;
  const { opaque: _, ...rest } = entry;
  return rest;
}

function overlay(lists: readonly FileList[]): FileEntry[] {
  const seen = new Map<string, Visible>();
  for (let layer = lists.length - 1; layer >= 0; layer--) addBelow(seen, lists[layer] ?? []);
  const visible: FileEntry[] = [];
  const inodes = new Map<FileEntry, FileEntry>();
  for (const { entry, isOpaque, inode } of seen.values()) {
    const shown: FileEntry = isOpaque && entry.opaque === undefined ? { ...entry, opaque: true } : entry;
    if (inode !== undefined) inodes.set(shown, inode);
    visible.push(shown);
  }
  sortByPath(visible);
  if (inodes.size > 0) regroupLinks(visible, (entry) => inodes.get(entry));
  return visible;
}

interface Visible {
  readonly entry: FileEntry;
  /** Of a file with more than one name: the entry of its layer that has the content. */
  readonly inode: FileEntry | undefined;
  /** Nothing of the layers not yet added shows beneath this directory. */
  isOpaque: boolean;
}

/** Adds what one layer shows beneath the layers seen so far. */
function addBelow(seen: Map<string, Visible>, list: FileList): void {
  const added: (readonly [string, Visible])[] = [];
  const closed: Visible[] = [];
  const hidden = new Map<string, boolean>();
  const inodes = inodesOfLayer(list);
  for (const entry of list) {
    if (isHidden(parentPath(entry.path), entry.path, { seen, hidden })) continue;
    const above = seen.get(entry.path);
    if (above === undefined) added.push([entry.path, { entry, inode: inodes.get(entry.path), isOpaque: entry.opaque === true }]);
    else if (closesBelow(entry)) closed.push(above);
  }
  for (const [path, visible] of added) seen.set(path, visible);
  // A directory over a whiteout, a file or an opaque directory has nothing more to merge with.
  for (const visible of closed) if (visible.entry.type === "dir") visible.isOpaque = true;
}

function closesBelow(entry: FileEntry): boolean {
  return entry.type !== "dir" || entry.opaque === true;
}

interface Hiding {
  readonly seen: ReadonlyMap<string, Visible>;
  /** Answers known for this layer, by directory. */
  readonly hidden: Map<string, boolean>;
}

/** Whether layers above keep everything in `dir` from showing. The root itself lies in no directory. */
function isHidden(dir: string, child: string, hiding: Hiding): boolean {
  if (child === "") return false;
  const known = hiding.hidden.get(dir);
  if (known !== undefined) return known;
  const above = hiding.seen.get(dir);
  const answer = (above !== undefined && (above.entry.type !== "dir" || above.isOpaque)) || isHidden(parentPath(dir), dir, hiding);
  hiding.hidden.set(dir, answer);
  return answer;
}

/** By path: the entry with the content, for every name of an inode that has more than one. */
function inodesOfLayer(list: FileList): ReadonlyMap<string, FileEntry> {
  const inodes = new Map<string, FileEntry>();
  const links = list.filter((entry) => entry.type === "hardlink");
  if (links.length === 0) return inodes;
  const firstNames = new Set(links.map((link) => link.target));
  for (const entry of list) if (firstNames.has(entry.path)) inodes.set(entry.path, entry);
  for (const { path, target } of links) {
    const first = inodes.get(target ?? "");
    if (first !== undefined) inodes.set(path, first);
  }
  return inodes;
}
