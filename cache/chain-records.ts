/** Records that keep an image by its ID, whatever names it has or has lost. They lie in `Store.bases`. */
import type { Digest } from "../base/digest.js";
import { isDigest } from "../base/digest.js";

const PREFIX = "chain of ";

export function chainRecordName(id: Digest): string {
  return PREFIX + id;
}

/** The image ID that a record of `Store.bases` stands for; undefined for one that says what a FROM fetched. */
export function chainRecordId(name: string): Digest | undefined {
  const id = name.startsWith(PREFIX) ? name.slice(PREFIX.length) : "";
  return isDigest(id) ? id : undefined;
}
