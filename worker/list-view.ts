/** A source tree known from file lists alone: a checksum of what COPY --from reads mounts and reads nothing. */
import type { FileEntry, FileList } from "../image/types.js";
import { comparePaths } from "../base/path-bytes.js";
import type { Entry } from "./files/entry.js";
import type { Child, SourceView } from "./files/view.js";

export class ListView implements SourceView {
  readonly label: string;
  readonly hasOwners = true;
  readonly #entries = new Map<string, Entry>();
  readonly #children = new Map<string, Child[]>();

  /** `list` is joined: no whiteouts, each path once, parents before children. */
  constructor(list: FileList, label: string) {
    this.label = label;
    const linked = new Set(list.flatMap((entry) => (entry.type === "hardlink" && entry.target !== undefined ? [entry.target] : [])));
    this.#entries.set("", ROOT);
    for (const file of list) this.#add(file, linked);
  }

  lstat(path: string): Entry | undefined {
    return this.#entries.get(path);
  }

  list(path: string): readonly Child[] {
    return (this.#children.get(path) ?? []).toSorted((a, b) => comparePaths(a.name, b.name));
  }

  open(path: string): number {
    throw new Error(`Internal error: ${path} is only listed, not readable`);
  }

  hiddenBy(): undefined {
    return undefined;
  }

  #add(file: FileEntry, linked: ReadonlySet<string>): void {
    const entry = this.#entryOf(file, linked);
    if (entry === undefined) return;
    this.#entries.set(file.path, entry);
    if (file.path === "") return;
    const slash = file.path.lastIndexOf("/");
    const parent = slash < 0 ? "" : file.path.slice(0, slash);
    const siblings = this.#children.get(parent) ?? [];
    siblings.push({ name: file.path.slice(slash + 1), entry });
    this.#children.set(parent, siblings);
  }

  #entryOf(file: FileEntry, linked: ReadonlySet<string>): Entry | undefined {
    const { type, path, mode, uid, gid, size, mtimeNs, target, xattrs, devMajor, devMinor, digest } = file;
    if (type === "whiteout") return undefined;
    if (type === "hardlink") return target === undefined ? undefined : this.#entries.get(target);
    return { type, mode, uid, gid, size, mtimeNs, target, xattrs, devMajor, devMinor, digest, linkId: linked.has(path) ? path : undefined };
  }
}

const ROOT: Entry = { type: "dir", mode: 0o755, uid: 0, gid: 0, size: 0, mtimeNs: 0n };
