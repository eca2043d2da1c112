import { createHash, hash } from "node:crypto";
import { createReadStream, readFileSync } from "node:fs";
import { pipeline } from "node:stream/promises";
import type { Digest } from "../base/digest.js";
import { digestFromHex } from "../base/digest.js";

/** Below this a file is read at once: faster, and no stall worth speaking of. */
const SMALL = 256 * 1024;

/** The digest of a regular file's bytes. */
export async function fileDigest(path: string | Buffer, size: number): Promise<Digest> {
  if (size <= SMALL) return digestFromHex(hash("sha256", readFileSync(path)));
  const sha = createHash("sha256");
  await pipeline(createReadStream(path, { highWaterMark: 1024 * 1024 }), sha);
  return digestFromHex(sha.digest("hex"));
}
