/**
 * Ops: what a step does, as plain immutable data. Close to BuildKit's LLB, field by field, so that a graph
 * can be written as LLB. Inputs are not in the op: a vertex adds them.
 */
import type { Platform } from "../base/platform.js";
import type { Digest } from "../base/digest.js";

export type Op = SourceOp | ExecOp | FileOp | MergeOp | DiffOp;

export type SourceOp = ImageSource | LocalSource | GitSource | HttpSource;

/** An image's filesystem. No inputs. `ref` is the full reference with the manifest's digest. */
export interface ImageSource {
  readonly kind: "source";
  readonly type: "image";
  /** `docker.io/library/debian:bookworm@sha256:…`, or `oci-layout://PATH@sha256:…` */
  readonly ref: string;
  /** Digest of the image manifest for the platform (not of the index). */
  readonly manifest: Digest;
  readonly platform: Platform;
}

/** A folder of the caller: a build context. No inputs. Never materialised whole. */
export interface LocalSource {
  readonly kind: "source";
  readonly type: "local";
  /** `context`, or the name given to --build-context. The worker knows which folder it stands for. */
  readonly name: string;
  /** Patterns of the ignore file, in order, Docker's dialect. */
  readonly exclude: readonly string[];
}

export interface GitSource {
  readonly kind: "source";
  readonly type: "git";
  readonly remote: string;
  readonly ref?: string | undefined;
  readonly subdir?: string | undefined;
  readonly checksum?: string | undefined;
  readonly keepGitDir: boolean;
}

export interface HttpSource {
  readonly kind: "source";
  readonly type: "http";
  readonly url: string;
  readonly checksum?: Digest | undefined;
  readonly filename: string;
  readonly mode?: number | undefined;
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
}

/** One process. Input 0 is the root filesystem; mounts may name further inputs. Its output is the changed root. */
export interface ExecOp {
  readonly kind: "exec";
  readonly args: readonly string[];
  /** `NAME=value`, in order. */
  readonly env: readonly string[];
  readonly cwd: string;
  /** As in the Dockerfile: name or uid, optionally `:group`. Empty: root. */
  readonly user: string;
  readonly network: "default" | "none" | "host";
  readonly security: "sandbox" | "insecure";
  readonly mounts: readonly ExecMount[];
  readonly hostname?: string | undefined;
  /** Proxy variables: in the environment, never in the key. */
  readonly proxyEnv: readonly string[];
  /** `name:address`; only the names count in the key. */
  readonly extraHosts: readonly string[];
  /** Exit codes that are success. */
  readonly validExitCodes?: readonly number[] | undefined;
  /** Limits and the like: in force, never in the key. */
  readonly limits: ExecLimits;
}

export interface ExecLimits {
  readonly memoryBytes?: number | undefined;
  readonly memorySwapBytes?: number | undefined;
  readonly cpuQuotaMicros?: number | undefined;
  readonly cpuPeriodMicros?: number | undefined;
  readonly cpuShares?: number | undefined;
  readonly cpusetCpus?: string | undefined;
  readonly cpusetMems?: string | undefined;
  readonly pids?: number | undefined;
  readonly shmSizeBytes?: number | undefined;
  /** `nofile=1024:2048` */
  readonly ulimits?: readonly string[] | undefined;
  readonly cgroupParent?: string | undefined;
}

export type ExecMount = BindMount | CacheMount | TmpfsMount | SecretMount | SshMount;

export interface BindMount {
  readonly type: "bind";
  /** Index among the vertex's inputs. */
  readonly input: number;
  readonly target: string;
  /** Path inside the input; `/` is all of it. */
  readonly source: string;
  /** Writes are thrown away. */
  readonly writable: boolean;
}

export interface CacheMount {
  readonly type: "cache";
  readonly target: string;
  /** Not in the key. */
  readonly id: string;
  readonly sharing: "shared" | "private" | "locked";
  readonly readonly: boolean;
  /** What a new cache starts from: an input and a path in it. */
  readonly from?: { readonly input: number; readonly source: string } | undefined;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

export interface TmpfsMount {
  readonly type: "tmpfs";
  readonly target: string;
  readonly sizeBytes?: number | undefined;
}

export interface SecretMount {
  readonly type: "secret";
  readonly id: string;
  /** Where the file appears, if it does. */
  readonly target?: string | undefined;
  /** The variable it is put into, if it is. */
  readonly env?: string | undefined;
  readonly required: boolean;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

export interface SshMount {
  readonly type: "ssh";
  readonly id: string;
  readonly target: string;
  readonly required: boolean;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

/**
 * Changes to files, in order, on top of input 0 (or of nothing, when `base` is false).
 * An action's `input` is an index among the vertex's inputs.
 */
export interface FileOp {
  readonly kind: "file";
  /** True: input 0 is what is changed. False: the op starts from an empty tree and input 0 is a source like any other. */
  readonly base: boolean;
  readonly actions: readonly FileAction[];
}

export type FileAction = CopyAction | MakeFileAction | MakeDirAction | RemoveAction;

export interface CopyAction {
  readonly type: "copy";
  /** The vertex's input that is read. */
  readonly input: number;
  /** Sources in that input, absolute, cleaned; may hold wildcards when `allowWildcard`. */
  readonly sources: readonly string[];
  /** Absolute destination. A trailing slash says that it is a directory. */
  readonly destination: string;
  /** Copy what is in a source directory, not the directory itself (COPY's rule). */
  readonly contentsOnly: boolean;
  readonly allowWildcard: boolean;
  /** A wildcard that matches nothing is no error. */
  readonly allowEmptyWildcard: boolean;
  /** Unpack a source file that is an archive (ADD). */
  readonly unpack: boolean;
  /** Unset: 0:0 for a local source, the source's owner otherwise. */
  readonly owner?: Owner | undefined;
  /** Octal (`0755`) or symbolic (`u=rwX,go=rX`), already checked by the frontend. */
  readonly mode?: string | undefined;
  /** --parents: keep the source's folders (after a `/./` pivot). */
  readonly keepParents: boolean;
  readonly excludes: readonly string[];
  /** For links in the destination path: follow inside the root (COPY), or replace them by folders (COPY --link). */
  readonly followDestinationLinks: boolean;
}

/** Names are looked up in the passwd and group files of the tree that is changed. */
export interface Owner {
  readonly user: string;
  /** Unset: the user's own number when the user is a number, else the user's group. */
  readonly group?: string | undefined;
}

export interface MakeFileAction {
  readonly type: "makeFile";
  readonly path: string;
  /** Base64. */
  readonly data: string;
  readonly mode: string;
  readonly owner?: Owner | undefined;
}

export interface MakeDirAction {
  readonly type: "makeDir";
  readonly path: string;
  readonly mode: string;
  readonly makeParents: boolean;
  readonly owner?: Owner | undefined;
}

export interface RemoveAction {
  readonly type: "remove";
  readonly path: string;
  readonly allowMissing: boolean;
  readonly allowWildcard: boolean;
}

/** Lays the inputs over each other, the first at the bottom. */
export interface MergeOp {
  readonly kind: "merge";
}

/** What input 1 changes relative to input 0. */
export interface DiffOp {
  readonly kind: "diff";
}
