/**
 * Lays a layer out in an empty directory of its own, without the layers below. Nobody else writes there, and all that
 * is in it stands in this tree: so paths are resolved here, and system calls see real directories only.
 */
import { linkSync, mkdirSync, rmSync, unlinkSync } from "node:fs";
import type { Digest } from "../../base/digest.js";
import { comparePaths } from "../../base/path-bytes.js";
import type { Kernel } from "../../sys/types.js";
import type { FileEntry } from "../types.js";
import type { DraftEntry } from "./entry.js";
import { baseName, joinPath, parentPath, sortByPath } from "./entry.js";
import { layerCorrupt } from "./layer-errors.js";
import type { LaidOut, LayerTarget } from "./layer-target.js";
import { regroupLinks } from "./link-groups.js";
import { placeOf, whiteoutEntry } from "./scan.js";
import type { TarEntry } from "./tar-reader.js";
import type { OverlayXattrs, Place } from "./write-node.js";
import { inodeOf, makeSpecial, setDirectoryMetadata } from "./write-node.js";

/** One name. Names of one inode share the draft. */
interface Node {
  readonly path: string;
  readonly parent: Node | undefined;
  draft: DraftEntry;
  /** Of a directory. */
  readonly children: Map<string, Node>;
  /** The tar has not named it. */
  isImplied: boolean;
  /** It took the place of something this layer removed: what lies below at its path is not its lower. */
  isFresh: boolean;
}

/** MAXSYMLINKS (linux/namei.h) */
const MOST_LINKS = 40;
const S_IFCHR = 0o020000;
const IMPLIED_MODE = 0o755;

export class AloneTarget implements LayerTarget {
  readonly #kernel: Kernel;
  readonly #dir: string;
  readonly #overlayXattrs: OverlayXattrs;
  readonly #root: Node = impliedNode("", undefined);
  /** The last directory that was resolved, by the path it was asked for. */
  #last: { readonly path: string; readonly node: Node } | undefined;
  #openFile: Node | undefined;
  #needsParents = false;
  readonly #assumed = new Set<string>();

  constructor(kernel: Kernel, dir: string, overlayXattrs: OverlayXattrs) {
    this.#kernel = kernel;
    this.#dir = dir;
    this.#overlayXattrs = overlayXattrs;
  }

  directory(path: string, entry: TarEntry): void {
    const node = path === "" ? this.#root : this.#directoryAt(path);
    const { opaque } = node.draft;
    node.draft = inodeOf(entry, node.path);
    if (opaque === true) node.draft.opaque = true;
    node.isImplied = false;
  }

  file(path: string, entry: TarEntry): Place {
    this.#openFile = this.#add(path, inodeOf(entry, path));
    return this.#place(this.#openFile);
  }

  fileDone(digest: Digest): void {
    if (this.#openFile !== undefined) this.#openFile.draft.digest = digest;
  }

  special(path: string, entry: TarEntry): void {
    makeSpecial(this.#kernel, this.#place(this.#add(path, inodeOf(entry, path))), entry);
  }

  hardlink(path: string, target: string): void {
    const first = this.#find(target);
    if (first === undefined) {
      this.#needsParents = true;
      return;
    }
    if (first.draft.type === "dir" || first.draft.type === "whiteout")
      throw layerCorrupt(
        `"${path}" is a hard link to "${target}", which is a ${first.draft.type === "dir" ? "directory" : "removed file"}`,
      );
    if (first === this.#parentOf(path).children.get(baseName(path))) throw layerCorrupt(`"${path}" is a hard link to itself`);
    const from = this.#place(first);
    linkSync(from, this.#place(this.#add(path, first.draft)));
  }

  whiteout(path: string): void {
    const parent = this.#parentOf(path);
    const existing = parent.children.get(baseName(path));
    // A whiteout hides what is below, never what its own layer has (image-spec layer.md, "Whiteouts").
    if (existing === undefined) this.#makeWhiteout(parent, baseName(path));
    else if (existing.draft.type === "dir" && !existing.isFresh) this.#whiteoutDirectory(existing, parent);
  }

  #whiteoutDirectory(dir: Node, parent: Node): void {
    if (this.#keepNamed(dir)) {
      this.#makeFresh(dir);
      return;
    }
    this.#remove(dir);
    this.#makeWhiteout(parent, baseName(dir.path));
  }

  /** Removes what lies in a directory only to carry whiteouts. Returns whether the tar named the directory or something in it. */
  #keepNamed(dir: Node): boolean {
    let isNamed = !dir.isImplied;
    for (const child of dir.children.values()) {
      if (child.draft.type === "dir" ? this.#keepNamed(child) : child.draft.type !== "whiteout") isNamed = true;
      else this.#remove(child);
    }
    return isNamed;
  }

  opaque(path: string): void {
    const dir = this.#resolve(path);
    // Overlayfs looks for no mark on the root of a layer.
    if (dir === this.#root) this.#needsParents = true;
    if (dir === this.#root || dir.draft.opaque === true) return;
    this.#keepNamed(dir);
    dir.draft.opaque = true;
  }

  finish(): LaidOut {
    for (const { node, isCut } of this.#nodes()) if (isCut && node.draft.type === "whiteout") this.#remove(node);
    const entries: FileEntry[] = [];
    const implied: string[] = [];
    const shared = new Map<FileEntry, FileEntry>();
    const drafts = new Set<FileEntry>();
    const twice = new Set<FileEntry>();
    for (const { node, isCut } of this.#nodes()) {
      if (node.draft.type === "dir") this.#finishDirectory(node);
      if (node.isImplied && !isCut) implied.push(node.path);
      const entry = node.draft.path === node.path ? node.draft : { ...node.draft, path: node.path };
      if (drafts.has(node.draft)) twice.add(node.draft);
      else drafts.add(node.draft);
      if (node.draft.type !== "dir") shared.set(entry, node.draft);
      entries.push(entry);
    }
    sortByPath(entries);
    if (twice.size > 0) regroupLinks(entries, (entry) => onlyIf(shared.get(entry), twice));
    return {
      list: entries,
      impliedDirs: implied.sort(comparePaths),
      assumedDirs: [...this.#assumed].sort(comparePaths),
      needsParents: this.#needsParents,
    };
  }

  close(): void {
    this.#last = undefined;
  }

  /** Every node, and whether nothing below at its path can be its lower. */
  *#nodes(): Generator<{ readonly node: Node; readonly isCut: boolean }, void, void> {
    const open = [{ node: this.#root, isCut: false }];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      const isCut = next.isCut || next.node.isFresh;
      yield { node: next.node, isCut };
      for (const child of next.node.children.values()) open.push({ node: child, isCut: isCut || next.node.draft.opaque === true });
    }
  }

  /** Directories get theirs last, when nothing is made in them any more. */
  #finishDirectory(node: Node): void {
    const place = this.#place(node);
    setDirectoryMetadata(this.#kernel, place, node.draft);
    if (node.draft.opaque === true) this.#kernel.setXattr(place, `${this.#overlayXattrs}.overlay.opaque`, Buffer.from("y"));
    this.#kernel.setTimes(place, node.draft.mtimeNs, node.draft.mtimeNs);
  }

  #place(node: Node): Place {
    return placeOf(this.#dir, node.path);
  }

  #directoryAt(path: string): Node {
    const parent = this.#parentOf(path);
    const name = baseName(path);
    const existing = parent.children.get(name);
    if (existing?.draft.type === "dir") return existing;
    if (existing !== undefined) this.#remove(existing);
    const made = this.#makeDirectory(parent, name);
    if (existing !== undefined) this.#makeFresh(made);
    return made;
  }

  /** Makes way for a name that is no directory. */
  #add(path: string, draft: DraftEntry): Node {
    if (path === "") throw layerCorrupt("its root is not a directory");
    const parent = this.#parentOf(path);
    const name = baseName(path);
    const existing = parent.children.get(name);
    if (existing !== undefined) this.#remove(existing);
    const node: Node = { path: joinPath(parent.path, name), parent, draft, children: NO_CHILDREN, isImplied: false, isFresh: false };
    if (draft.path === path) draft.path = node.path;
    parent.children.set(name, node);
    return node;
  }

  #remove(node: Node): void {
    if (node.draft.type === "dir") rmSync(this.#place(node), { recursive: true });
    else unlinkSync(this.#place(node));
    node.parent?.children.delete(baseName(node.path));
    this.#last = undefined;
  }

  #assumeDirectory(parent: Node, name: string): Node {
    const made = this.#makeDirectory(parent, name);
    this.#assumed.add(made.path);
    return made;
  }

  #makeDirectory(parent: Node, name: string): Node {
    const node = impliedNode(joinPath(parent.path, name), parent);
    mkdirSync(this.#place(node), 0o700);
    parent.children.set(name, node);
    return node;
  }

  #makeFresh(node: Node): void {
    node.isFresh = true;
    node.draft.opaque = true;
  }

  #makeWhiteout(parent: Node, name: string): void {
    const path = joinPath(parent.path, name);
    const node: Node = { path, parent, draft: whiteoutEntry(path), children: NO_CHILDREN, isImplied: false, isFresh: false };
    this.#kernel.mknod(this.#place(node), S_IFCHR, 0, 0);
    parent.children.set(name, node);
  }

  #parentOf(path: string): Node {
    const parent = parentPath(path);
    if (this.#last?.path === parent) return this.#last.node;
    const node = this.#resolve(parent);
    this.#last = { path: parent, node };
    return node;
  }

  /** The directory at a path. What is missing is made: it is in a layer below, or nowhere. */
  #resolve(path: string): Node {
    return this.#walk(path, "make") ?? this.#root;
  }

  /** What is at a path, its last part not followed. */
  #find(path: string): Node | undefined {
    return path === "" ? this.#root : this.#walk(parentPath(path), "find")?.children.get(baseName(path));
  }

  /** Follows links as the kernel does with the layer as its root: `..` and absolute targets stop there. */
  #walk(path: string, missing: "make" | "find"): Node | undefined {
    const todo = path.split("/").reverse();
    let links = 0;
    let dir = this.#root;
    for (let name = todo.pop(); name !== undefined; name = todo.pop()) {
      if (name === "" || name === ".") continue;
      const next =
        name === ".."
          ? (dir.parent ?? this.#root)
          : (dir.children.get(name) ?? (missing === "make" ? this.#assumeDirectory(dir, name) : undefined));
      if (next === undefined) return undefined;
      if (next.draft.type === "symlink") {
        if (++links > MOST_LINKS) throw layerCorrupt(`"${path}" goes through too many links`);
        const target = next.draft.target ?? "";
        todo.push(...target.split("/").reverse());
        if (target.startsWith("/")) dir = this.#root;
      } else dir = this.#enter(next, missing);
    }
    return dir;
  }

  #enter(node: Node, missing: "make" | "find"): Node {
    if (node.draft.type === "dir") return node;
    if (node.draft.type !== "whiteout" || node.parent === undefined || missing === "find")
      throw layerCorrupt(`an entry leads through "${node.path}", which is no directory`);
    // Something is put into a directory after it was removed: it begins anew.
    this.#remove(node);
    const made = this.#makeDirectory(node.parent, baseName(node.path));
    this.#makeFresh(made);
    return made;
  }
}

/** Of all that are no directories. */
const NO_CHILDREN: Map<string, Node> = new Map();

/** Until the tar names it, or a layer below does, a directory is root's and from 1970: always the same. */
function impliedNode(path: string, parent: Node | undefined): Node {
  return {
    path,
    parent,
    draft: { path, type: "dir", mode: IMPLIED_MODE, uid: 0, gid: 0, size: 0, mtimeNs: 0n },
    children: new Map(),
    isImplied: true,
    isFresh: false,
  };
}

function onlyIf(entry: FileEntry | undefined, set: ReadonlySet<FileEntry>): FileEntry | undefined {
  return entry !== undefined && set.has(entry) ? entry : undefined;
}
