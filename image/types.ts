/**
 * The shapes of an image: OCI image-spec v1.1 (descriptor.md, manifest.md, image-index.md, config.md)
 * and Docker image manifest v2 schema 2, which agree but for media types and a few fields.
 */
import type { Digest } from "../base/digest.js";
import type { Platform } from "../base/platform.js";

export const MEDIA = {
  ociIndex: "application/vnd.oci.image.index.v1+json",
  ociManifest: "application/vnd.oci.image.manifest.v1+json",
  ociConfig: "application/vnd.oci.image.config.v1+json",
  ociLayer: "application/vnd.oci.image.layer.v1.tar",
  ociLayerGzip: "application/vnd.oci.image.layer.v1.tar+gzip",
  ociLayerZstd: "application/vnd.oci.image.layer.v1.tar+zstd",
  dockerIndex: "application/vnd.docker.distribution.manifest.list.v2+json",
  dockerManifest: "application/vnd.docker.distribution.manifest.v2+json",
  dockerConfig: "application/vnd.docker.container.image.v1+json",
  dockerLayer: "application/vnd.docker.image.rootfs.diff.tar",
  dockerLayerGzip: "application/vnd.docker.image.rootfs.diff.tar.gzip",
} as const;

export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  /** Bytes of the blob. */
  readonly size: number;
  readonly platform?: Platform | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
}

export interface Manifest {
  readonly schemaVersion: 2;
  readonly mediaType: string;
  readonly config: Descriptor;
  /** Bottom layer first. */
  readonly layers: readonly Descriptor[];
  readonly annotations?: Readonly<Record<string, string>> | undefined;
}

export interface Index {
  readonly schemaVersion: 2;
  readonly mediaType: string;
  readonly manifests: readonly Descriptor[];
  readonly annotations?: Readonly<Record<string, string>> | undefined;
}

/** The image config file. Field names are those of the JSON. */
export interface ImageConfigFile {
  readonly created?: string | undefined;
  readonly author?: string | undefined;
  readonly architecture: string;
  readonly os: string;
  readonly variant?: string | undefined;
  readonly config: ContainerConfig;
  readonly rootfs: { readonly type: "layers"; readonly diff_ids: readonly Digest[] };
  readonly history: readonly HistoryEntry[];
}

/** What a container of the image starts with (config.md "config"; Docker's fields ArgsEscaped, Healthcheck, OnBuild, Shell included). */
export interface ContainerConfig {
  readonly User?: string | undefined;
  readonly ExposedPorts?: Readonly<Record<string, object>> | undefined;
  readonly Env?: readonly string[] | undefined;
  readonly Entrypoint?: readonly string[] | undefined;
  readonly Cmd?: readonly string[] | undefined;
  readonly Volumes?: Readonly<Record<string, object>> | undefined;
  readonly WorkingDir?: string | undefined;
  readonly Labels?: Readonly<Record<string, string>> | undefined;
  readonly StopSignal?: string | undefined;
  readonly ArgsEscaped?: boolean | undefined;
  readonly Healthcheck?: Healthcheck | undefined;
  readonly OnBuild?: readonly string[] | undefined;
  readonly Shell?: readonly string[] | undefined;
}

/** Durations in nanoseconds. `Test` is `["NONE"]`, `["CMD", …]` or `["CMD-SHELL", text]`. */
export interface Healthcheck {
  readonly Test?: readonly string[] | undefined;
  readonly Interval?: number | undefined;
  readonly Timeout?: number | undefined;
  readonly StartPeriod?: number | undefined;
  readonly StartInterval?: number | undefined;
  readonly Retries?: number | undefined;
}

export interface HistoryEntry {
  readonly created?: string | undefined;
  readonly created_by?: string | undefined;
  readonly author?: string | undefined;
  readonly comment?: string | undefined;
  readonly empty_layer?: boolean | undefined;
}

/**
 * One entry of a tree: of a layer, a snapshot or a scanned folder.
 * As an entry of a layer, `whiteout` says that the path below is gone and `opaque` that nothing of the
 * directory below shows through.
 */
export interface FileEntry {
  /**
   * Relative to the root, no leading or trailing slash, `""` for the root itself. Bytes that are not UTF-8
   * are lone surrogates U+DC80…U+DCFF, one per byte (base/path-bytes.ts).
   */
  readonly path: string;
  readonly type: "file" | "dir" | "symlink" | "hardlink" | "char" | "block" | "fifo" | "socket" | "whiteout";
  /** Permission bits with setuid, setgid and sticky: 0…07777. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes; 0 for all but files. */
  readonly size: number;
  /** Nanoseconds since 1970. */
  readonly mtimeNs: bigint;
  /** SHA-256 of a file's content. */
  readonly digest?: Digest | undefined;
  /** Symlink: its target as it stands. Hardlink: `path` of an entry earlier in this list. */
  readonly target?: string | undefined;
  readonly devMajor?: number | undefined;
  readonly devMinor?: number | undefined;
  /** Those that count (see `countsAsXattr`): name to value in base64, names in byte order. */
  readonly xattrs?: Readonly<Record<string, string>> | undefined;
  readonly opaque?: true | undefined;
}

/** Entries in byte order of their paths, each path once; parents come before children. */
export type FileList = readonly FileEntry[];
