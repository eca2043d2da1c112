import type { Stats } from "node:fs";
import { createReadStream, lstatSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Readable } from "node:stream";
import type { Digest } from "../base/digest.js";
import { digestHex, isDigest, sha256Digest } from "../base/digest.js";
import { TsbuildError, isErrno } from "../base/errors.js";
import type { Kernel } from "../sys/types.js";
import { BlobStamps } from "./blob-stamps.js";
import { ContentFileWriter, mismatch } from "./content-writer.js";
import type { Durability } from "./durability.js";
import { fileDigest } from "./file-digest.js";
import { publishFile } from "./record-file.js";
import type { TempSpace } from "./temp-space.js";
import { readdirOrNone } from "./temp-space.js";
import type { ContentStore, ContentWriter, Lease } from "./types.js";

export interface ContentPlace {
  /** `content/sha256` of the store. */
  readonly dir: string;
  readonly kernel: Kernel;
  readonly durability: Durability;
  readonly temp: TempSpace;
  readonly lease: Lease;
}

/**
 * Blobs as files named by their hex digest. What this store object makes it also holds.
 * `size` is the gate: after a reboot it proves an unsynced blob by its digest. `stream` and `path` check nothing.
 */
export class FileContentStore implements ContentStore {
  readonly #place: ContentPlace;
  readonly #stamps: BlobStamps;

  constructor(place: ContentPlace) {
    this.#place = place;
    this.#stamps = new BlobStamps(place.kernel, place.durability);
  }

  path(digest: Digest): string {
    if (!isDigest(digest)) throw new Error(`Internal error: not a digest: ${String(digest)}`);
    return join(this.#place.dir, digestHex(digest));
  }

  /** A whole blob of another size than expected is kept: it is the expectation that is wrong, and others may use the blob. */
  async size(digest: Digest, expectedSize?: number): Promise<number | undefined> {
    const path = this.path(digest);
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (stat === undefined) return undefined;
    const isExpected = expectedSize === undefined || expectedSize === stat.size;
    if (!isExpected || !this.#stamps.isGood(path)) {
      if (!(await this.#isWhole(digest, stat))) return undefined;
    }
    return isExpected ? stat.size : undefined;
  }

  /** Reads the bytes to be sure; drops them when they are wrong. */
  async #isWhole(digest: Digest, stat: Stats): Promise<boolean> {
    const path = this.path(digest);
    try {
      if (stat.isFile() && (await fileDigest(path, stat.size)) === digest) {
        this.#stamps.verified(path);
        return true;
      }
    } catch (error) {
      if (!isErrno(error, "ENOENT", "EIO")) throw error;
    }
    rmSync(path, { force: true, recursive: true });
    return false;
  }

  async read(digest: Digest, maxBytes?: number): Promise<Buffer> {
    const path = this.path(digest);
    const size = lstatSync(path, { throwIfNoEntry: false })?.size;
    if (size === undefined) throw missing(digest);
    if (maxBytes !== undefined && size > maxBytes) {
      throw new TsbuildError("CONTENT_TOO_LARGE", `${digest} has ${size} bytes; at most ${maxBytes} are read here`, {
        hint: "the image is damaged or hostile",
      });
    }
    const bytes = readOrNone(path);
    if (bytes !== undefined && sha256Digest(bytes) === digest) return bytes;
    rmSync(path, { force: true });
    throw missing(digest);
  }

  stream(digest: Digest): Readable {
    return createReadStream(this.path(digest), { highWaterMark: 256 * 1024 });
  }

  async put(bytes: Uint8Array, expected?: Digest): Promise<Digest> {
    const digest = sha256Digest(bytes);
    if (expected !== undefined && expected !== digest) throw mismatch(`content is ${digest}, not ${expected}`);
    await this.#place.lease.hold(`blob/${digest}`);
    if ((await this.size(digest)) !== undefined) return digest;
    const path = this.path(digest);
    publishFile(path, bytes, this.#place.temp.name());
    this.#stamps.written(path);
    return digest;
  }

  writer(): Promise<ContentWriter> {
    const { temp, lease } = this.#place;
    return Promise.resolve(
      new ContentFileWriter(temp.name(), {
        path: (digest) => this.path(digest),
        hold: (digest) => lease.hold(`blob/${digest}`),
        stamp: (path) => this.#stamps.written(path),
      }),
    );
  }

  async delete(digest: Digest): Promise<void> {
    rmSync(this.path(digest), { force: true });
  }

  async *list(): AsyncIterable<{ readonly digest: Digest; readonly size: number }> {
    for (const name of readdirOrNone(this.#place.dir)) {
      const digest = `sha256:${name}`;
      if (!isDigest(digest)) continue;
      const stat = lstatSync(join(this.#place.dir, name), { throwIfNoEntry: false });
      if (stat?.isFile() === true) yield { digest, size: stat.size };
    }
  }
}

function readOrNone(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch (error) {
    if (isErrno(error, "ENOENT", "EIO", "EISDIR")) return undefined;
    throw error;
  }
}

function missing(digest: Digest): TsbuildError {
  return new TsbuildError("CONTENT_MISSING", `${digest} is not in the store`, {
    hint: "build or pull again: what is missing is fetched or made anew",
  });
}
