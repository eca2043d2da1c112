/** Hard links in lists: the first path of an inode carries its content, the others point at it. */
import type { FileEntry } from "../types.js";
import type { DraftEntry } from "./entry.js";

/** A further name of the inode that `first` describes. */
export function hardlinkTo(first: FileEntry, path: string): FileEntry {
  const { mode, uid, gid, mtimeNs } = first;
  return { path, type: "hardlink", mode, uid, gid, size: 0, mtimeNs, target: first.path };
}

/**
 * Makes the first name of each group the entry with the content and all later ones hard links to it.
 * @param entries in byte order of paths; changed in place
 * @param inodeOf what tells names of one inode: the same object for each name; undefined for a lone file.
 *   It is the entry with the inode's content, under whatever path.
 */
export function regroupLinks(entries: FileEntry[], inodeOf: (entry: FileEntry) => FileEntry | undefined): void {
  const firsts = new Map<FileEntry, FileEntry>();
  entries.forEach((entry, index) => {
    const inode = inodeOf(entry);
    if (inode === undefined) return;
    const first = firsts.get(inode);
    const named: DraftEntry = first === undefined ? { ...inode, path: entry.path } : hardlinkTo(first, entry.path);
    entries[index] = named;
    if (first === undefined) firsts.set(inode, named);
  });
}
