/** The caller's folders: which folder a name means, what its ignore file says, and what its files hash to. */
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Digest } from "../base/digest.js";
import { TsbuildError, isErrno } from "../base/errors.js";
import { parseIgnoreFile } from "../base/patterns.js";
import { StatCache } from "../cache/stat-cache.js";
import type { Store } from "../cache/store.js";
import type { ExpectedSelection } from "./files/copy.js";

const MAX_IGNORE_BYTES = 1024 * 1024;

export interface ContextFolders {
  readonly store: Store;
  /** Unset: there is no main context. */
  readonly contextDir: string | undefined;
  readonly contextDirs: ReadonlyMap<string, string>;
  /** The ignore file of the main context, when it isn't the usual one. */
  readonly ignoreFile: string | undefined;
}

export class BuildContexts {
  readonly #folders: ContextFolders;
  readonly #memos = new Map<string, Promise<StatCache>>();
  readonly #promised = new Map<Digest, readonly (ExpectedSelection | undefined)[]>();

  constructor(folders: ContextFolders) {
    this.#folders = folders;
  }

  /** @throws {TsbuildError} CONTEXT_MISSING */
  folder(name: string): string {
    const dir = name === "context" ? this.#folders.contextDir : this.#folders.contextDirs.get(name);
    if (dir !== undefined) return dir;
    throw new TsbuildError("CONTEXT_MISSING", `the build has no context "${name}" to read files from`, { hint: "give a folder as the last argument, or --build-context NAME=FOLDER" });
  }

  /** Bound for the frontend. Patterns of the ignore file, none when there is no such file. */
  readonly ignorePatterns = async (name: string): Promise<readonly string[]> => {
    const path = (name === "context" ? this.#folders.ignoreFile : undefined) ?? join(this.folder(name), ".dockerignore");
    if (!existsSync(path)) return [];
    const size = statSync(path).size;
    if (size > MAX_IGNORE_BYTES) {
      throw new TsbuildError("IGNORE_FILE_TOO_BIG", `${path} has ${size} bytes; at most ${MAX_IGNORE_BYTES} are read`, { hint: "use fewer, broader patterns" });
    }
    return parseIgnoreFile(readIgnoreFile(path));
  };

  memo(name: string): Promise<StatCache> {
    const dir = this.folder(name);
    const known = this.#memos.get(dir);
    if (known !== undefined) return known;
    const memo = StatCache.load(this.#folders.store, dir);
    this.#memos.set(dir, memo);
    return memo;
  }

  /** Remembers, by action index, what a vertex's key says of its copies: what is copied later has to be that. */
  promise(vertex: Digest, selections: readonly (ExpectedSelection | undefined)[]): void {
    this.#promised.set(vertex, selections);
  }

  promised(vertex: Digest): readonly (ExpectedSelection | undefined)[] {
    return this.#promised.get(vertex) ?? [];
  }

  /** Writes the stat caches. One that can't be written only costs the next build time. */
  async save(): Promise<void> {
    for (const memo of this.#memos.values()) await (await memo).save();
  }
}

function readIgnoreFile(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (!isErrno(error, "EACCES", "EISDIR")) throw error;
    throw new TsbuildError("IGNORE_FILE_UNREADABLE", `${path} can't be read`, { cause: error });
  }
}
