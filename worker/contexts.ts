/** The caller's folders: which folder a name means, what its ignore file says, and what its files hash to. */
import { join } from "node:path";
import type { Digest } from "../base/digest.js";
import { TsbuildError, isErrno } from "../base/errors.js";
import { parseIgnoreFile } from "../base/patterns.js";
import { readRegularText } from "../base/read-regular.js";
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
    throw new TsbuildError("CONTEXT_MISSING", `the build has no context "${name}" to read files from`, {
      hint: "give a folder as the last argument, or --build-context NAME=FOLDER",
    });
  }

  /** Bound for the frontend. Patterns of the ignore file, none when there is no such file. */
  readonly ignorePatterns = async (name: string): Promise<readonly string[]> => {
    const path = (name === "context" ? this.#folders.ignoreFile : undefined) ?? join(this.folder(name), ".dockerignore");
    const text = readIgnoreFile(path);
    return text === undefined ? [] : parseIgnoreFile(text);
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

/** Undefined when there is none. */
function readIgnoreFile(path: string): string | undefined {
  try {
    return readRegularText(path, MAX_IGNORE_BYTES);
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    if (!isErrno(error, "EACCES", "ELOOP", "ENXIO")) throw error;
    throw new TsbuildError("IGNORE_FILE_UNREADABLE", `${path} can't be read`, { cause: error });
  }
}
