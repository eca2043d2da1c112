/** Says of a blob in which boot it was written, in an attribute of the file itself: no second file, gone with the blob. */
import { isErrno } from "../base/errors.js";
import type { Kernel } from "../sys/types.js";
import type { Durability, Stamp } from "./durability.js";

const ATTRIBUTE = "user.tsbuild.written";

export class BlobStamps {
  readonly #kernel: Kernel;
  readonly #durability: Durability;
  /** Those known to be good here: a filesystem without attributes is asked once per process, not at each use. */
  readonly #known = new Set<string>();

  constructor(kernel: Kernel, durability: Durability) {
    this.#kernel = kernel;
    this.#durability = durability;
  }

  isGood(path: string): boolean {
    if (this.#known.has(path)) return true;
    const stamp = parseStamp(this.#read(path));
    return stamp !== undefined && this.#durability.isGood(stamp);
  }

  written(path: string): void {
    this.#mark(path, this.#durability.now());
  }

  verified(path: string): void {
    this.#mark(path, this.#durability.verified());
  }

  #mark(path: string, stamp: Stamp): void {
    this.#known.add(path);
    const text = `${stamp.bootId} ${stamp.atMs}${stamp.isVerified === true ? " verified" : ""}`;
    try {
      this.#kernel.setXattr(path, ATTRIBUTE, Buffer.from(text));
    } catch (error) {
      // Without the mark it will be checked once more; pruned meanwhile is the caller's miss.
      if (!isErrno(error, "ENOTSUP", "ENOENT", "ENOSPC", "EDQUOT", "EPERM")) throw error;
    }
  }

  #read(path: string): string | undefined {
    try {
      return this.#kernel.getXattr(path, ATTRIBUTE)?.toString("latin1");
    } catch (error) {
      if (isErrno(error, "ENOENT")) return undefined;
      throw error;
    }
  }
}

function parseStamp(text: string | undefined): Stamp | undefined {
  const match = /^([\w-]+) (\d+)( verified)?$/.exec(text ?? "");
  if (match === null) return undefined;
  const [, bootId = "", atMs, verified] = match;
  return { bootId, atMs: Number(atMs), ...(verified === undefined ? {} : { isVerified: true as const }) };
}
