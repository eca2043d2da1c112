/** What the compiler is given and what it makes. */
import type { Digest } from "../../base/digest.js";
import type { TsbuildError } from "../../base/errors.js";
import type { BuildWarning } from "../../base/events.js";
import type { Platform } from "../../base/platform.js";
import type { SourceFile } from "../../base/source.js";
import type { ImageConfigFile } from "../../image/types.js";
import type { Graph, Vertex } from "../../llb/graph.js";
import type { ExecLimits } from "../../llb/op.js";
import type { LineMemo } from "../syntax/parse.js";

export interface CompileRequest {
  readonly dockerfile: SourceFile;
  /** Name or index of the stage to build; unset: the last one. */
  readonly target?: string | undefined;
  /** Empty: the host's. */
  readonly platforms: readonly Platform[];
  readonly buildPlatform: Platform;
  readonly buildArgs: ReadonlyMap<string, string>;
  readonly labels: ReadonlyMap<string, string>;
  readonly noCache: boolean;
  /** Stages whose steps ignore the cache. */
  readonly noCacheStages: readonly string[];
  /** Name to what it stands for. */
  readonly buildContexts: ReadonlyMap<string, NamedContext>;
  readonly network: "default" | "none" | "host";
  readonly extraHosts: readonly string[];
  readonly limits: ExecLimits;
  /** Entitlements granted: `network.host`, `security.insecure`. */
  readonly allow: ReadonlySet<string>;
  readonly images: ImageResolver;
  /** Patterns of the ignore file of a local context: `context`, or a name of `buildContexts`. */
  readonly ignorePatterns: (contextName: string) => Promise<readonly string[]>;
  /** Seconds since 1970, when the output is to be reproducible. */
  readonly sourceDateEpoch?: number | undefined;
  /** Shapes of lines that were read before. */
  readonly lineMemo?: LineMemo | undefined;
}

export type NamedContext =
  | { readonly type: "local"; readonly name: string }
  | { readonly type: "image"; readonly reference: string }
  | { readonly type: "oci-layout"; readonly path: string; readonly digestOrTag: string }
  | { readonly type: "git"; readonly url: string }
  | { readonly type: "http"; readonly url: string };

/** Finds out what an image is without fetching its layers. */
export interface ImageResolver {
  /**
   * @throws {TsbuildError} IMAGE_NOT_FOUND, REGISTRY_… : the compiler adds the place in the Dockerfile
   */
  resolve(reference: string, platform: Platform, signal: AbortSignal): Promise<ResolvedImage>;
}

export interface ResolvedImage {
  /** Full reference, digest included, for `ImageSource.ref`. */
  readonly ref: string;
  /** Digest of the platform's manifest. */
  readonly manifest: Digest;
  readonly config: ImageConfigFile;
}

/** A compiled Dockerfile: the graph, and for each platform what is to become of it. */
export interface CompiledBuild {
  readonly graph: Graph;
  readonly targets: readonly CompiledTarget[];
  readonly warnings: readonly BuildWarning[];
  /** Why nothing may be built although it could be: checks that count as errors. The warnings say what they found. */
  readonly refusal?: TsbuildError | undefined;
  /** Seconds since 1970: of the request, or of the argument SOURCE_DATE_EPOCH. Unset: the build need not be reproducible. */
  readonly sourceDateEpoch?: number | undefined;
}

export interface CompiledTarget {
  readonly platform: Platform;
  /** The final filesystem; unset when the image has no files at all (`FROM scratch` and metadata only). */
  readonly root: Vertex | undefined;
  /**
   * The image config but for what only building can tell: `rootfs.diff_ids` are those of the base image, and
   * `history` has all entries, base's first, with `created` left out of new ones. Each new entry that is not
   * `empty_layer` stands for one layer, in order.
   */
  readonly image: ImageConfigFile;
  /** Variables and files that steps of this target refer to but that are in no key. */
  readonly secretIds: readonly string[];
  readonly stageName: string | undefined;
}
