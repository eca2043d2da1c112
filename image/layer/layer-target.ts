import type { Digest } from "../../base/digest.js";
import type { FileEntry } from "../types.js";
import type { TarEntry } from "./tar-reader.js";
import type { Place } from "./write-node.js";

/** Where a layer's entries go. Paths are normalized but not yet resolved: their parents may be links. */
export interface LayerTarget {
  directory(path: string, entry: TarEntry): void;
  /** Makes way for a file and says where the caller is to make it; `fileDone` follows before anything else. */
  file(path: string, entry: TarEntry): Place;
  fileDone(digest: Digest): void;
  /** Symlinks, devices, pipes. */
  special(path: string, entry: TarEntry): void;
  hardlink(path: string, target: string): void;
  whiteout(path: string): void;
  opaque(path: string): void;
  /** Sets what had to wait for the last entry. */
  finish(): LaidOut;
  /** Releases what is held, after `finish` or instead of it. */
  close(): void;
}

/** What came of a layer. */
export interface LaidOut {
  /** The layer's own list, with the root, whiteouts and opaque marks. */
  readonly list: FileEntry[];
  /**
   * Directories, in byte order, that the tar did not name but put something into: theirs is the metadata of the
   * directory below. `""` when the root itself was not named.
   */
  readonly impliedDirs: readonly string[];
  /**
   * Every path, sorted, at which a directory was taken for granted when an entry went through it, also if the tar named or replaced
   * it later. Where a layer below has a link at one of them, the entry belongs elsewhere.
   */
  readonly assumedDirs: readonly string[];
  /** The layer can't be laid out alone: it links to a file of a layer below, or hides all that is below. */
  readonly needsParents: boolean;
}
