/** What a name in a layer's tar stands for. */
import { baseName, joinPath, parentPath } from "./entry.js";
import { layerCorrupt, layerUnsafe } from "./layer-errors.js";
import { OPAQUE_MARK, WHITEOUT_PREFIX } from "./layer-tar.js";

/** Of aufs, from which the whiteout names come: its own bookkeeping, nothing of the image. */
const AUFS_PREFIX = ".wh..wh.";

export type EntryName =
  | { readonly kind: "entry"; readonly path: string }
  /** The path below is gone. */
  | { readonly kind: "whiteout"; readonly path: string }
  /** Nothing of this directory below shows. */
  | { readonly kind: "opaque"; readonly path: string }
  | { readonly kind: "ignored" };

/**
 * Reads an entry's name: relative to the root whether it begins with `/`, `./` or neither.
 * @throws {TsbuildError} LAYER_UNSAFE_PATH for `..`; LAYER_CORRUPT for no name at all
 */
export function readEntryName(name: string): EntryName {
  const path = normalizeName(name);
  const base = baseName(path);
  if (!base.startsWith(WHITEOUT_PREFIX)) return { kind: "entry", path };
  if (base === OPAQUE_MARK) return { kind: "opaque", path: parentPath(path) };
  if (base.startsWith(AUFS_PREFIX)) return { kind: "ignored" };
  const hidden = base.slice(WHITEOUT_PREFIX.length);
  if (hidden === "" || hidden === "." || hidden === "..") throw layerUnsafe(name, "is a whiteout of no file");
  return { kind: "whiteout", path: joinPath(parentPath(path), hidden) };
}

/** The path beneath the root. @throws {TsbuildError} LAYER_UNSAFE_PATH, LAYER_CORRUPT */
export function normalizeName(name: string): string {
  if (name === "") throw layerCorrupt("it has an entry without a name");
  if (name.includes("\0")) throw layerUnsafe(name, "has a NUL in its name");
  if (isPlain(name)) return name;
  const parts = name.split("/").filter((part) => part !== "" && part !== ".");
  if (parts.includes("..")) throw layerUnsafe(name, 'leads out of its directory by ".."');
  return parts.join("/");
}

const NEEDS_WORK = /(^|\/)\.{0,2}(\/|$)/;

/** Nothing to strip: the usual case for files. */
function isPlain(name: string): boolean {
  return !NEEDS_WORK.test(name);
}
