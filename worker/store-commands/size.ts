/** What an image's layers take. */
import type { Store } from "../../cache/store.js";
import type { Chain, SnapshotMeta } from "../../cache/types.js";
import { manifestOf } from "../../cache/image-check.js";
import { chainRecordName } from "../../cache/chain-records.js";
import { chainOf } from "../image-chain.js";
import type { StoredImage } from "./catalog.js";

export interface LayerSize {
  /** Bytes on disk; of a layer that isn't unpacked those of its blob. */
  readonly bytes: number;
  readonly meta: SnapshotMeta | undefined;
}

/** The chain of an image's layers, whether or not they are there. */
export async function imageChain(store: Store, { record, config }: Pick<StoredImage, "record" | "config">): Promise<Chain> {
  return record.chain ?? (await store.bases.get(chainRecordName(record.id)))?.chain ?? chainOf(config);
}

/** Bottom first. */
export async function layerSizes(store: Store, image: StoredImage): Promise<readonly LayerSize[]> {
  const chain = await imageChain(store, image);
  const metas = await Promise.all(chain.map((name) => store.snapshots.find(name)));
  const manifest = metas.includes(undefined) ? await manifestOf(image.record.manifest, store.content) : undefined;
  return metas.map((meta, index) => ({ bytes: meta?.sizeBytes ?? manifest?.layers[index]?.size ?? 0, meta }));
}

export async function imageSize(store: Store, image: StoredImage): Promise<number> {
  return (await layerSizes(store, image)).reduce((sum, { bytes }) => sum + bytes, 0);
}
