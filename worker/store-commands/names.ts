/** Names of images: given and moved. */
import { TsbuildError } from "../../base/errors.js";
import { chainRecordName } from "../../cache/chain-records.js";
import type { Store } from "../../cache/store.js";
import type { ImageRecord } from "../../cache/types.js";
import { type Reference, formatReference, parseReference, withDefaultTag } from "../../image/reference.js";
import { requireImage } from "./catalog.js";
import { imageChain } from "./size.js";

/** @throws {TsbuildError} IMAGE_NOT_FOUND, REFERENCE_INVALID */
export async function tagStoredImage(store: Store, source: string, name: string): Promise<void> {
  const reference = parseReference(name);
  if (reference.digest !== undefined)
    throw new TsbuildError("REFERENCE_INVALID", `refusing to create a tag with a digest reference: ${name}`);
  const { image } = await requireImage(store, source);
  const record = { ...image.record, chain: await imageChain(store, image) };
  await store.lease.hold(`blob/${image.id}`, `blob/${record.manifest}`, ...record.chain.map((snapshot) => `snapshot/${snapshot}`));
  await setName(store, withDefaultTag(reference), record);
}

/** The image that loses the name stays by its ID, until it is pruned. */
export async function setName(store: Store, name: Reference, record: ImageRecord): Promise<void> {
  await keepFormer(store, name, record);
  await store.refs.set(formatReference(name), { ...record, createdAtMs: Date.now() });
  await keepById(store, record);
}

/** The record that `name` has now, if it means another image: made sure to stay by its ID. */
export async function keepFormer(store: Store, name: Reference, next: Pick<ImageRecord, "id">): Promise<ImageRecord | undefined> {
  const former = await store.refs.get(formatReference(name));
  if (former === undefined || former.id === next.id) return undefined;
  await keepById(store, former);
  return former;
}

async function keepById(store: Store, record: ImageRecord): Promise<void> {
  const name = chainRecordName(record.id);
  if ((await store.bases.get(name)) === undefined) await store.bases.set(name, record);
}
