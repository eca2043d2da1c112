/** For tests: folders made from a table, and read back into one. */
import {
  chmodSync,
  chownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { CopyAction } from "../../llb/op.js";

/** `"text"` is a file, `"-> target"` a link, `"= path"` a hard link; a path that ends with a slash is a folder, and its text the mode or "". */
export type Layout = Readonly<Record<string, string>>;

export class TestFolder implements Disposable {
  readonly path: string = mkdtempSync(join(tmpdir(), "tsbuild-files-"));

  constructor(layout: Layout = {}) {
    for (const [path, text] of Object.entries(layout)) this.add(path, text);
  }

  add(path: string, text: string): void {
    const full = join(this.path, path);
    mkdirSync(path.endsWith("/") ? full : dirname(full), { recursive: true });
    if (path.endsWith("/")) {
      if (text !== "") chmodSync(full, Number.parseInt(text, 8));
    } else if (text.startsWith("-> ")) symlinkSync(text.slice(3), full);
    else if (text.startsWith("= ")) linkSync(join(this.path, text.slice(2)), full);
    else writeFileSync(full, text, { mode: 0o644 });
  }

  chmod(path: string, mode: number): this {
    chmodSync(join(this.path, path), mode);
    return this;
  }

  chown(path: string, uid: number, gid: number): this {
    chownSync(join(this.path, path), uid, gid);
    return this;
  }

  /** `text`, `-> target` or `dir` for each path, folders included. */
  read(below = ""): Record<string, string> {
    const found: Record<string, string> = {};
    for (const name of readdirSync(join(this.path, below)).sort()) {
      const path = below === "" ? name : `${below}/${name}`;
      const stat = lstatSync(join(this.path, path));
      if (stat.isDirectory()) Object.assign(found, { [path]: "dir" }, this.read(path));
      else
        found[path] = stat.isSymbolicLink()
          ? `-> ${readlinkSync(join(this.path, path))}`
          : stat.isFile()
            ? readFileSync(join(this.path, path), "utf8")
            : "special";
    }
    return found;
  }

  /** `0644 0:0` */
  meta(path: string): string {
    const { mode, uid, gid } = lstatSync(join(this.path, path));
    return `${(mode & 0o7777).toString(8).padStart(4, "0")} ${uid}:${gid}`;
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** COPY as the frontend writes it: wildcards allowed, folders' contents, links in the destination followed. */
export function copyAction(sources: readonly string[], destination: string, more: Partial<CopyAction> = {}): CopyAction {
  return {
    type: "copy",
    input: 0,
    sources,
    destination,
    contentsOnly: true,
    allowWildcard: true,
    allowEmptyWildcard: true,
    unpack: false,
    keepParents: false,
    excludes: [],
    followDestinationLinks: true,
    ...more,
  };
}
