/** Making and ordering file list entries. */
import { comparePaths } from "../../base/path-bytes.js";
import type { FileEntry } from "../types.js";

/** An entry under construction. Optional members are absent, never `undefined`, so that equal entries are deeply equal. */
export type DraftEntry = { -readonly [Member in keyof FileEntry]: FileEntry[Member] };

/** Namespaces that describe this host or this overlay, not the file (capabilities excepted). */
const HOST_XATTRS = ["security.", "system.", "trusted.overlay.", "user.overlay."];

/** Whether an extended attribute belongs to a file's content: in keys, lists and tars alike. */
export function countsAsXattr(name: string): boolean {
  return name === "security.capability" || !HOST_XATTRS.some((prefix) => name.startsWith(prefix));
}

/** The folder of a path: `a` for `a/b`, `""` for `a`. */
export function parentPath(path: string): string {
  const slash = path.lastIndexOf("/");
  return slash === -1 ? "" : path.slice(0, slash);
}

/** Last component. */
export function baseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

export function joinPath(dir: string, name: string): string {
  return dir === "" ? name : `${dir}/${name}`;
}

/** Sorts in place into byte order of the paths; runs that are sorted already cost little. */
export function sortByPath<T extends { readonly path: string }>(entries: T[]): T[] {
  return entries.sort((a, b) => comparePaths(a.path, b.path));
}
