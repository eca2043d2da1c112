/** What `git ls-tree -r -l -z` says of a commit, as it comes: counted against limits, and the submodules in it. */
import { TsbuildError } from "../../base/errors.js";

export interface Gitlink {
  /** Relative to the tree, without `..` and without a component `.git`. */
  readonly path: string;
  readonly commit: string;
}

/** As for archives: beyond what repositories in the field need, below what hurts. */
export interface TreeLimits {
  readonly maxEntries: number;
  readonly maxBytes: number;
}

export const TREE_LIMITS: TreeLimits = { maxEntries: 4_000_000, maxBytes: 64 * 2 ** 30 };
const MAX_LINE_BYTES = 16 * 1024;

export class TreeListing {
  readonly gitlinks: Gitlink[] = [];
  /** True when the tree has a `.gitmodules` that is a file, not a link. */
  hasModules = false;
  readonly #shown: string;
  readonly #limits: TreeLimits;
  #rest: Buffer = Buffer.alloc(0);
  #entries = 0;
  #bytes = 0;

  constructor(shown: string, limits: TreeLimits = TREE_LIMITS) {
    this.#shown = shown;
    this.#limits = limits;
  }

  /** @throws {TsbuildError} GIT_LIMIT, GIT_TREE */
  push(chunk: Buffer): void {
    const all = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let start = 0;
    for (let end = all.indexOf(0); end >= 0; end = all.indexOf(0, start)) {
      this.#entry(all.subarray(start, end));
      start = end + 1;
    }
    this.#rest = all.subarray(start);
    if (this.#rest.length > MAX_LINE_BYTES) throw this.#limit(`a path in it has more than ${MAX_LINE_BYTES} bytes`);
  }

  #entry(line: Buffer): void {
    const tab = line.indexOf(9);
    const [mode = "", type = "", object = "", size = "0"] = line.subarray(0, tab).toString("latin1").split(/ +/);
    this.#entries++;
    this.#bytes += Number(size) || 0;
    if (this.#entries > this.#limits.maxEntries) throw this.#limit(`it has more than ${this.#limits.maxEntries} files`);
    if (this.#bytes > this.#limits.maxBytes) throw this.#limit(`its files have more than ${this.#limits.maxBytes} bytes`);
    const path = line.subarray(tab + 1);
    if (type === "commit") this.gitlinks.push({ path: this.#linkPath(path), commit: object });
    if (mode.startsWith("100") && path.toString("latin1") === ".gitmodules") this.hasModules = true;
  }

  #linkPath(bytes: Buffer): string {
    const path = bytes.toString("utf8");
    const isWhole = Buffer.from(path).equals(bytes);
    if (isWhole && path.split("/").every((part) => part !== "" && part !== "." && part !== ".." && part.toLowerCase() !== ".git"))
      return path;
    throw new TsbuildError("GIT_TREE", `the git repository ${this.#shown} has a submodule at a path that can't be one`, {
      hint: "nothing of it was used",
    });
  }

  #limit(problem: string): TsbuildError {
    return new TsbuildError("GIT_LIMIT", `the git repository ${this.#shown} is too large: ${problem}`, { hint: "nothing of it was used" });
  }
}
