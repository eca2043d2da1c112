/** Images from the store to their registry. */
import type { Digest } from "../../base/digest.js";
import { TsbuildError } from "../../base/errors.js";
import type { Platform } from "../../base/platform.js";
import { MAX_MANIFEST_BYTES, parseManifestOrIndex } from "../../image/parse.js";
import { pushImage } from "../../image/push.js";
import { type Reference, familiarName, formatReference, withDefaultTag } from "../../image/reference.js";
import type { Descriptor } from "../../image/types.js";
import type { LazyRegistry } from "../registry.js";
import { type StoredImage, listImages } from "./catalog.js";
import { completeImage } from "./complete.js";
import { imageChain } from "./size.js";
import type { ImageWork } from "./work.js";

export interface PushRequest {
  readonly reference: Reference;
  /** Every tag of the repository. */
  readonly allTags: boolean;
  readonly platform?: Platform | undefined;
  readonly onProgress: (blob: Descriptor, currentBytes: number) => void;
  /** A name begins to be pushed. */
  readonly onName: (name: Reference) => void;
}

export interface PushedImage {
  readonly name: Reference;
  readonly root: Descriptor;
}

/** @throws {TsbuildError} IMAGE_NOT_FOUND, IMAGE_INCOMPLETE, REGISTRY_* */
export async function pushImages(work: ImageWork, registry: LazyRegistry, request: PushRequest): Promise<readonly PushedImage[]> {
  const images = await listImages(work.store);
  const chosen = namesToPush(images, request);
  const client = await registry.client();
  const pushed: PushedImage[] = [];
  for (const { image, name } of chosen) {
    request.onName(name);
    const root = await completeImage(work, image, { compression: "gzip", platform: request.platform });
    const { onProgress } = request;
    const mountFrom = otherRepository(image, name);
    await pushImage({ client, store: work.store.content, reference: name, root, signal: work.signal, mountFrom, onProgress });
    await rememberDigest(work, { image, name, root });
    pushed.push({ name, root });
  }
  return pushed;
}

interface Chosen {
  readonly image: StoredImage;
  readonly name: Reference;
}

/** @throws {TsbuildError} IMAGE_NOT_FOUND */
export function namesToPush(
  images: readonly StoredImage[],
  { reference, allTags }: Pick<PushRequest, "reference" | "allTags">,
): readonly Chosen[] {
  const wanted = formatReference(withDefaultTag(reference));
  const isWanted = (name: Reference): boolean =>
    allTags ? name.registry === reference.registry && name.repository === reference.repository : formatReference(name) === wanted;
  const chosen = images.flatMap((image) => image.tags.filter(isWanted).map((name) => ({ image, name })));
  if (chosen.length > 0) return chosen;
  throw new TsbuildError("IMAGE_NOT_FOUND", `An image does not exist locally with the tag: ${familiarName(reference)}`, {
    hint: "tsbuild images lists what there is; tsbuild tag gives an image the name it is to be pushed by",
  });
}

/** A repository of the same registry that this image was pulled from or pushed to. */
function otherRepository({ digests }: StoredImage, name: Reference): (digest: Digest) => string | undefined {
  const other = digests.find(({ registry, repository }) => registry === name.registry && repository !== name.repository);
  return () => other?.repository;
}

async function rememberDigest({ store }: ImageWork, { image, name, root }: Chosen & { readonly root: Descriptor }): Promise<void> {
  const parsed = parseManifestOrIndex(await store.content.read(root.digest, MAX_MANIFEST_BYTES));
  const manifest = parsed.type === "manifest" ? root.digest : image.record.manifest;
  const byDigest: Reference = { registry: name.registry, repository: name.repository, digest: root.digest };
  const record = { id: image.id, target: root, manifest, chain: await imageChain(store, image), createdAtMs: Date.now() };
  // one platform of several may have been pushed: that is another image, which its own record keeps
  if (parsed.type === "index" || parsed.manifest.config.digest === image.id) await store.refs.set(formatReference(byDigest), record);
}
