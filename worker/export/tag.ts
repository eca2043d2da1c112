/** Gives an image names in the store. */
import type { Digest } from "../../base/digest.js";
import { chainRecordName as recordName } from "../../cache/chain-records.js";
import type { ImageRecord } from "../../cache/types.js";
import type { Store } from "../../cache/store.js";
import type { Descriptor } from "../../image/types.js";
import type { FinishedImage } from "./image.js";

export interface TagFacts {
  readonly image: Pick<FinishedImage, "id" | "chain">;
  /** What the names mean: a manifest or an index. */
  readonly target: Descriptor;
  /** The manifest for this machine. */
  readonly manifest: Digest;
  readonly names: readonly string[];
}

/**
 * Every name moves at once to the new image, which is synced to disk first: a name that a crash leaves behind
 * always means a whole image. Without names the image is kept by its ID alone.
 */
export async function tagImage(store: Store, { image, target, manifest, names }: TagFacts): Promise<void> {
  const record: ImageRecord = { id: image.id, target, manifest, chain: image.chain, createdAtMs: Date.now() };
  if (!isSame(await store.bases.get(chainRecordName(image.id)), record)) await store.bases.set(chainRecordName(image.id), record);
  const moved: string[] = [];
  for (const name of names) if (!isSame(await store.refs.get(name), record)) moved.push(name);
  if (moved.length > 0) await store.sync();
  for (const name of moved) await store.refs.set(name, record);
}

/** A name that means this image already is left as it is: a cached build writes nothing. */
function isSame(known: ImageRecord | undefined, wanted: ImageRecord): boolean {
  if (known === undefined || known.id !== wanted.id || known.target.digest !== wanted.target.digest) return false;
  return known.chain?.join() === wanted.chain?.join();
}

/** Where the chain of an image that was built here is found: its snapshots aren't named by chain IDs. */
export function chainRecordName(id: Digest): string {
  return recordName(id);
}
