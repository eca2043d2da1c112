/** What a build leaves: names in the store, archives, folders. */
import type { Digest } from "../../base/digest.js";
import { TsbuildError } from "../../base/errors.js";
import { formatPlatform, hostPlatform, type Platform, platformScore } from "../../base/platform.js";
import type { Store } from "../../cache/store.js";
import type { CompiledBuild } from "../../frontend/compile/types.js";
import { parseReference } from "../../image/reference.js";
import type { Descriptor } from "../../image/types.js";
import type { Result } from "../../solver/types.js";
import type { BuildEnvironment } from "../environment.js";
import type { LazyRegistry } from "../registry.js";
import type { BuildRequest, BuildResult, Output } from "../types.js";
import { type Annotation, checkAnnotations } from "./annotations.js";
import { writeArchive } from "./archives.js";
import { copyFiles } from "./files.js";
import { type FinishedImage, finishImage, joinManifests, writeLocalManifest, writeManifest } from "./image.js";
import type { BlobChoice, LayerWork } from "./layers.js";
import { digestNames, fullName, type Naming, storedNames } from "./names.js";
import { type ImageOptions, imageOptions } from "./options.js";
import { reportStep } from "./report.js";
import { chainRecordName, tagImage } from "./tag.js";

export interface ExportContext {
  readonly env: BuildEnvironment;
  readonly request: BuildRequest;
  readonly registry: LazyRegistry;
  readonly signal: AbortSignal;
}

type Exported = Omit<BuildResult, "buildId">;

const NO_ANNOTATIONS: readonly Annotation[] = [];

/** The filesystem of an image that has none. */
const NO_FILES: Result = { chain: [], identity: undefined };

export async function exportBuild(
  context: ExportContext,
  compiled: CompiledBuild,
  results: readonly (Result | undefined)[],
): Promise<Exported> {
  const { env, signal } = context;
  const request: BuildRequest = { ...context.request, sourceDateEpoch: compiled.sourceDateEpoch ?? context.request.sourceDateEpoch };
  const work: LayerWork = { store: env.store, pools: env.pools, signal };
  const outputs = request.outputs.map((output) => ({ output, options: imageOptions(output) }));
  const needsImage =
    request.wantsImageId || request.tags.length > 0 || request.outputs.some(({ type }) => type !== "local" && type !== "tar");
  const images = needsImage
    ? await Promise.all(
        compiled.targets.map((target, index) => finishImage(work, target, (results[index] ?? NO_FILES).chain, request.sourceDateEpoch)),
      )
    : [];
  for (const { options } of outputs) checkAnnotations(options.annotations, platformsOf(compiled));
  const kept = outputs.find(({ output }) => output.type === "image")?.options;
  let target: Descriptor | undefined;
  if (request.tags.length > 0 && kept?.isStored !== false)
    target = await storeLocally(context, images, { names: request.tags, annotations: kept?.annotations ?? NO_ANNOTATIONS });
  for (const { output, options } of outputs)
    target = (await exportOne({ ...context, request }, { work, images, results, compiled }, output, options)) ?? target;
  const id = preferred(images)?.id;
  return {
    imageId: id,
    target,
    metadata: metadataOf(
      request,
      outputs.map(({ options }) => options),
      { buildId: env.buildId, id: images.length === 1 ? id : undefined, target },
    ),
  };
}

function platformsOf({ targets }: CompiledBuild): readonly Platform[] {
  return targets.map(({ platform }) => platform);
}

interface Made {
  readonly work: LayerWork;
  readonly images: readonly FinishedImage[];
  readonly results: readonly (Result | undefined)[];
  readonly compiled: CompiledBuild;
}

async function exportOne(context: ExportContext, made: Made, output: Output, options: ImageOptions): Promise<Descriptor | undefined> {
  const { request, env } = context;
  const ownNames = options.names.map(fullName);
  const names = [...request.tags, ...ownNames];
  switch (output.type) {
    case "image": {
      const { names: _none, ...how } = options;
      const target = options.isStored
        ? await storeLocally(context, made.images, { ...how, names: ownNames, tags: request.tags })
        : undefined;
      if (!options.push) return target;
      const pushed = await manifests(made, request, options);
      await pushAll(context, {
        names: options.pushByDigest ? digestNames(request.tags, options.names, pushed.digest) : names,
        root: pushed,
      });
      return pushed;
    }
    case "oci":
    case "docker":
      return reportStep(env.events, `exporting to ${output.type} image format`, async () => {
        const root = await manifests(made, request, options);
        await writeArchive({
          store: env.store,
          type: output.type,
          dest: output.dest,
          asTar: options.asTar,
          names,
          root,
          signal: context.signal,
        });
        return root;
      });
    case "local":
    case "tar":
      await reportStep(env.events, "exporting to client", () =>
        copyFiles(made.work, output, made.compiled, made.results, request.sourceDateEpoch),
      );
      return undefined;
  }
}

/** Names in the store for the image of this machine's platform, or the one that comes closest. */
async function storeLocally(
  context: ExportContext,
  images: readonly FinishedImage[],
  naming: Naming & { readonly annotations: readonly Annotation[] },
): Promise<Descriptor | undefined> {
  const image = preferred(images);
  if (image === undefined) return undefined;
  const { store } = context.env;
  const { annotations } = naming;
  const locals = await Promise.all(images.map((each) => writeLocalManifest(store, each, annotations)));
  const target = await joinManifests(store, locals, { ociMediaTypes: true, annotations });
  const manifest = locals[images.indexOf(image)];
  if (manifest === undefined) throw new Error("Internal error: an image without a manifest");
  await keepOthers(store, images, { image, target, locals });
  await tagImage(store, { image, target, manifest: manifest.digest, names: storedNames(naming, target.digest) });
  return target;
}

interface Stored {
  readonly image: FinishedImage;
  readonly target: Descriptor;
  readonly locals: readonly Descriptor[];
}

/** The other platforms' layers are found by their IDs when the index is pushed or saved. */
async function keepOthers(store: Store, images: readonly FinishedImage[], { image, target, locals }: Stored): Promise<void> {
  for (const [index, each] of images.entries()) {
    const manifest = locals[index]?.digest;
    if (each === image || manifest === undefined) continue;
    await store.bases.set(chainRecordName(each.id), { id: each.id, target, manifest, chain: each.chain, createdAtMs: Date.now() });
  }
}

function preferred(images: readonly FinishedImage[]): FinishedImage | undefined {
  const host = hostPlatform();
  return images.toSorted((a, b) => platformScore(host, b.platform) - platformScore(host, a.platform))[0];
}

async function manifests({ work, images }: Made, request: BuildRequest, options: ImageOptions): Promise<Descriptor> {
  if (options.rewriteTimestamp && request.sourceDateEpoch === undefined) {
    throw new TsbuildError("OUTPUT_INVALID", "rewrite-timestamp=true needs a time to rewrite to", { hint: "set SOURCE_DATE_EPOCH" });
  }
  const choice: BlobChoice = {
    compression: options.compression,
    level: options.level,
    force: options.forceCompression,
    ociMediaTypes: options.ociMediaTypes,
    timestampSec: options.rewriteTimestamp ? request.sourceDateEpoch : undefined,
  };
  const written = await Promise.all(images.map((image) => writeManifest(work, image, choice, options.annotations)));
  return joinManifests(work.store, written, options);
}

async function pushAll(
  { env, registry, signal }: ExportContext,
  { names, root }: { readonly names: readonly string[]; readonly root: Descriptor },
): Promise<void> {
  if (names.length === 0) throw new TsbuildError("OUTPUT_INVALID", "a push needs a name", { hint: "give one with -t REGISTRY/NAME:TAG" });
  const { pushImage } = await import("../../image/push.js");
  const client = await registry.client();
  for (const name of names) {
    await reportStep(env.events, `pushing ${name}`, () =>
      pushImage({ client, store: env.store.content, reference: parseReference(name), root, signal }),
    );
  }
}

interface ResultFacts {
  readonly buildId: string;
  /** Of an image of one platform; an index has no config. */
  readonly id: Digest | undefined;
  readonly target: Descriptor | undefined;
}

/** As BuildKit and buildx name these. */
function metadataOf(
  request: BuildRequest,
  options: readonly ImageOptions[],
  { buildId, id, target }: ResultFacts,
): Record<string, unknown> {
  const names = [...new Set([...request.tags, ...options.flatMap((each) => each.names)])];
  return {
    "buildx.build.ref": `tsbuild/tsbuild/${buildId}`,
    ...(id === undefined ? {} : { "containerimage.config.digest": id }),
    ...(target === undefined ? {} : { "containerimage.digest": target.digest, "containerimage.descriptor": target }),
    ...(names.length === 0 ? {} : { "image.name": names.join(",") }),
    "tsbuild.platforms": request.platforms.map(formatPlatform),
  };
}
