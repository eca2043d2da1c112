/** An image from a registry, under its name, ready to run. */
import type { Digest } from "../../base/digest.js";
import type { Platform } from "../../base/platform.js";
import { fetchManifest } from "../../image/pull.js";
import { type Reference, formatReference, withDefaultTag } from "../../image/reference.js";
import type { LazyRegistry } from "../registry.js";
import { adoptImage } from "./adopt.js";
import type { ImageWork } from "./work.js";

export interface PullRequest {
  readonly reference: Reference;
  readonly platform: Platform;
}

export interface PulledImage {
  readonly id: Digest;
  /** What the registry calls it: digest of the manifest or index. */
  readonly digest: Digest;
  /** False: the name meant this image before, and its layers were there. */
  readonly isNew: boolean;
}

/**
 * The name, and the name with the registry's digest, mean this image afterwards.
 * @throws {TsbuildError} IMAGE_NOT_FOUND, IMAGE_PLATFORM, REGISTRY_*, LAYER_*
 */
export async function pullImage(work: ImageWork, registry: LazyRegistry, { reference, platform }: PullRequest): Promise<PulledImage> {
  const { store, signal } = work;
  const wanted = withDefaultTag(reference);
  const client = await registry.client();
  const fetched = await fetchManifest({ client, store: store.content, reference: wanted, platform, signal });
  const digest = fetched.top.digest;
  const byDigest: Reference = { registry: wanted.registry, repository: wanted.repository, digest };
  const names = wanted.digest === undefined ? [wanted, byDigest] : [byDigest];
  const before = await Promise.all(names.map((name) => store.refs.get(formatReference(name))));
  const id = fetched.manifest.config.digest;
  const wasWhole =
    before.every((record) => record?.id === id && record.target.digest === digest) &&
    (await store.snapshots.hasAll(before[0]?.chain ?? []));
  if (!wasWhole)
    await adoptImage(work, {
      target: fetched.top,
      manifest: fetched.manifestDescriptor.digest,
      names,
      source: { client, reference: wanted },
    });
  return { id, digest, isNew: !wasWhole };
}
