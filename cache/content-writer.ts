import { createHash } from "node:crypto";
import { lstatSync, rmSync } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { open } from "node:fs/promises";
import type { Digest } from "../base/digest.js";
import { digestFromHex } from "../base/digest.js";
import { TsbuildError } from "../base/errors.js";
import { renameMaking } from "./record-file.js";
import type { ContentWriter } from "./types.js";

/** What the store does around publishing. */
export interface Publication {
  path(digest: Digest): string;
  hold(digest: Digest): Promise<void>;
  stamp(path: string): void;
}

/** Opens its file at the first write: a caller who writes at `path` by itself finds nothing there. */
export class ContentFileWriter implements ContentWriter {
  readonly path: string;
  readonly #publication: Publication;
  readonly #sha = createHash("sha256");
  #file: FileHandle | undefined;
  #size = 0;
  #isDone = false;
  /** Settles with a commit under way, and never rejects: `return writer.commit()` leaves the scope before it is over. */
  #committing: Promise<unknown> | undefined;

  constructor(path: string, publication: Publication) {
    this.path = path;
    this.#publication = publication;
  }

  async write(chunk: Uint8Array): Promise<void> {
    const file = await this.#open();
    this.#sha.update(chunk);
    this.#size += chunk.length;
    for (let at = 0; at < chunk.length;) at += (await file.write(chunk, at, chunk.length - at)).bytesWritten;
  }

  commit(expected: { readonly digest?: Digest; readonly size?: number } = {}): Promise<Digest> {
    return this.#track(this.#check(expected));
  }

  async #check(expected: { readonly digest?: Digest; readonly size?: number }): Promise<Digest> {
    await this.#open();
    const digest = digestFromHex(this.#sha.digest("hex"));
    if (expected.size !== undefined && expected.size !== this.#size)
      throw mismatch(`content has ${this.#size} bytes, not ${expected.size} (${expected.digest ?? digest})`);
    if (expected.digest !== undefined && expected.digest !== digest) throw mismatch(`content is ${digest}, not ${expected.digest}`);
    await this.#publish(digest);
    return digest;
  }

  commitAs(digest: Digest): Promise<void> {
    return this.#track(this.#publish(digest));
  }

  async #publish(digest: Digest): Promise<void> {
    await this.#close();
    if (lstatSync(this.path, { throwIfNoEntry: false })?.isFile() !== true)
      throw new Error(`Internal error: nothing was written for ${digest}`);
    await this.#publication.hold(digest);
    const target = this.#publication.path(digest);
    // Over what is there, if anything: equal bytes, or bytes that are healed by this.
    renameMaking(this.path, target);
    this.#isDone = true;
    this.#publication.stamp(target);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#committing;
    await this.#close();
    if (!this.#isDone) rmSync(this.path, { force: true });
    this.#isDone = true;
  }

  #track<T>(committing: Promise<T>): Promise<T> {
    this.#committing = committing.catch(() => undefined);
    return committing;
  }

  async #open(): Promise<FileHandle> {
    return (this.#file ??= await open(this.path, "wx", 0o600));
  }

  async #close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }
}

export function mismatch(message: string): TsbuildError {
  return new TsbuildError("CONTENT_MISMATCH", message, { hint: "the download was damaged or the source is not what it says; try again" });
}
