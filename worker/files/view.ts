/** The trees that COPY, ADD and bind mounts read from. Paths as in tree.ts: relative, without links on the way. */
import { constants } from "node:fs";
import { comparePaths } from "../../base/path-bytes.js";
import type { MatchState } from "../../base/patterns.js";
import { PatternMatcher } from "../../base/patterns.js";
import { countsAsXattr } from "../../image/layer/entry.js";
import type { Kernel } from "../../sys/types.js";
import type { Entry } from "./entry.js";
import { entryOf } from "./entry.js";
import { joinPath, parentOf } from "./resolve.js";
import { Tree } from "./tree.js";

export interface Child {
  readonly name: string;
  readonly entry: Entry;
}

export interface SourceView {
  /** What messages call it: `the build context`. */
  readonly label: string;
  /** Files of a context belong to nobody: they are copied as 0:0 unless --chown says otherwise. */
  readonly hasOwners: boolean;
  /** Undefined when it isn't there or is hidden. A link is not followed. */
  lstat(path: string): Entry | undefined;
  /** What is in a folder, in byte order of the names. */
  list(path: string): readonly Child[];
  /** A descriptor for reading a regular file, without blocking; the caller closes it. Views that know only lists throw. */
  open(path: string): number;
  /** The ignore pattern that hides a path that is there. */
  hiddenBy(path: string): string | undefined;
}

export type OpenView = SourceView & Disposable;

/** A mounted tree, or any folder, as it is. */
export function openDirectoryView(kernel: Kernel, root: string, label = "the source"): OpenView {
  return new FolderView({ kernel, root, label, hasOwners: true });
}

/** A folder of the caller, less what an ignore file's patterns exclude. */
export function openContextView(kernel: Kernel, root: string, exclude: readonly string[], label = "the build context"): OpenView {
  return new FolderView({ kernel, root, label, hasOwners: false, exclude });
}

interface FolderOptions {
  readonly kernel: Kernel;
  readonly root: string;
  readonly label: string;
  readonly hasOwners: boolean;
  readonly exclude?: readonly string[];
}

class FolderView implements SourceView, Disposable {
  readonly label: string;
  readonly hasOwners: boolean;
  readonly #kernel: Kernel;
  readonly #tree: Tree;
  readonly #filter: Filter | undefined;

  constructor({ kernel, root, label, hasOwners, exclude = [] }: FolderOptions) {
    this.label = label;
    this.hasOwners = hasOwners;
    this.#kernel = kernel;
    this.#filter =
      exclude.length === 0
        ? undefined
        : new Filter(exclude, (path) => this.#tree.list(path).map(({ name, dirent }) => ({ name, isFolder: dirent.isDirectory() })));
    this.#tree = new Tree(kernel, root);
  }

  lstat(path: string): Entry | undefined {
    const entry = this.#entry(path);
    if (entry === undefined || this.#filter === undefined) return entry;
    return this.#filter.shows(path, entry.type === "dir") ? entry : undefined;
  }

  list(path: string): readonly Child[] {
    const found: Child[] = [];
    for (const { name, dirent } of this.#tree.list(path)) {
      const inside = joinPath(path, name);
      if (this.#filter?.shows(inside, dirent.isDirectory()) === false) continue;
      const entry = this.#entry(inside);
      if (entry !== undefined) found.push({ name, entry });
    }
    return found.sort((a, b) => comparePaths(a.name, b.name));
  }

  open(path: string): number {
    return this.#tree.open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  }

  hiddenBy(path: string): string | undefined {
    return this.#filter === undefined || this.#entry(path) === undefined ? undefined : this.#filter.patternFor(path);
  }

  [Symbol.dispose](): void {
    this.#tree[Symbol.dispose]();
  }

  #entry(path: string): Entry | undefined {
    const stat = this.#tree.lstat(path);
    if (stat === undefined) return undefined;
    const target = stat.isSymbolicLink() ? { target: this.#tree.readlink(path) } : {};
    const xattrs = this.#xattrs(path);
    return entryOf(stat, xattrs === undefined ? target : { ...target, xattrs });
  }

  #xattrs(path: string): Readonly<Record<string, string>> | undefined {
    const at = this.#tree.at(path);
    const names = this.#kernel.listXattrs(at).filter(countsAsXattr);
    if (names.length === 0) return undefined;
    return Object.fromEntries(names.map((name) => [name, (this.#kernel.getXattr(at, name) ?? Buffer.alloc(0)).toString("base64")]));
  }
}

type Listing = (folder: string) => readonly { readonly name: string; readonly isFolder: boolean }[];

/** What an ignore file lets through. */
class Filter {
  readonly #patterns: readonly string[];
  readonly #matcher: PatternMatcher;
  readonly #list: Listing;
  /** By folder. */
  readonly #states = new Map<string, MatchState>();
  readonly #shown = new Map<string, boolean>();

  constructor(patterns: readonly string[], list: Listing) {
    this.#patterns = patterns;
    this.#matcher = new PatternMatcher(patterns);
    this.#list = list;
  }

  /** An excluded folder shows when an exception brings back something below it. */
  shows(path: string, isFolder: boolean): boolean {
    if (path === "") return true;
    const isMatch = (isFolder ? this.#folderState(path) : this.#matcher.child(this.#folderState(parentOf(path)), path))?.isMatch === true;
    return !isMatch || (isFolder && this.#matcher.couldContainReincluded(path) && this.#hasShown(path));
  }

  /** The last pattern that excludes the path or a folder above it. */
  patternFor(path: string): string | undefined {
    return this.#patterns.findLast((pattern) => !pattern.startsWith("!") && new PatternMatcher([pattern]).matches(path));
  }

  #hasShown(folder: string): boolean {
    let shown = this.#shown.get(folder);
    if (shown === undefined) {
      shown = this.#list(folder).some((child) => this.shows(joinPath(folder, child.name), child.isFolder));
      this.#shown.set(folder, shown);
    }
    return shown;
  }

  #folderState(folder: string): MatchState | undefined {
    if (folder === "") return undefined;
    let state = this.#states.get(folder);
    if (state === undefined) {
      state = this.#matcher.child(this.#folderState(parentOf(folder)), folder);
      this.#states.set(folder, state);
    }
    return state;
  }
}
