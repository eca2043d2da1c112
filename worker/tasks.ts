/** What is done in worker threads: plain data in, plain data out. */
import type { Digest } from "../base/digest.js";
import type { ExpectedSelection } from "./files/copy.js";
import type { FileAction } from "../llb/op.js";
import type { ExitStatus, ProcessSpec } from "../executor/types.js";
import type { Descriptor } from "../image/types.js";

export type Task =
  | HashFilesTask
  | FileOpTask
  | ExecTask
  | ScanStepTask
  | UnpackTask
  | SettleTask
  | CompressTask
  | DiffIdTask
  | CopyOutTask
  | ListTreeTask;

export interface TaskResults {
  readonly "hash-files": readonly HashedFile[];
  readonly "file-op": CommittedFacts;
  readonly exec: ExitStatus;
  readonly "scan-step": CommittedFacts & { readonly identity: Digest };
  readonly unpack: UnpackedFacts;
  readonly settle: readonly CommittedFacts[];
  readonly compress: Omit<Descriptor, "mediaType"> & { readonly diffId: Digest };
  readonly "diff-id": Digest;
  readonly "copy-out": undefined;
  readonly "list-tree": CommittedFacts;
}

/** SHA-256 of files of a context. */
export interface HashFilesTask {
  readonly type: "hash-files";
  readonly root: string;
  /** Paths below the root, and the sizes the files are expected to have. */
  readonly files: readonly { readonly path: string; readonly size: number }[];
}

/** Undefined digest: the file is gone or changed while it was read. */
export interface HashedFile {
  readonly digest: Digest | undefined;
}

/** A source tree as a thread sees it. */
export type SourceTree =
  | { readonly type: "context"; readonly dir: string; readonly exclude: readonly string[] }
  /** Overlay lowers, top first; none: an empty tree. */
  | { readonly type: "layers"; readonly lowers: readonly string[] };

/** The places of a snapshot that is being written. */
export interface ActivePaths {
  readonly fs: string;
  readonly work: string;
  readonly mountpoint: string;
  /** Where the encoded file list goes. */
  readonly listPath: string;
}

export interface FileOpTask {
  readonly type: "file-op";
  /** Lowers of the tree that is changed, top first. */
  readonly lowers: readonly string[];
  readonly active: ActivePaths;
  readonly actions: readonly FileAction[];
  /** By input index; unset for the input that is changed. */
  readonly sources: readonly (SourceTree | undefined)[];
  /** By action index: what the key says of a copy from a context, which somebody may change meanwhile. */
  readonly expected: readonly (ExpectedSelection | undefined)[];
  readonly wantsDiffId: boolean;
  readonly timestampSec?: number | undefined;
}

/** Facts for the commit of a snapshot. */
export interface CommittedFacts {
  readonly isEmpty: boolean;
  readonly sizeBytes: number;
  readonly diffId?: Digest | undefined;
}

export interface ExecTask {
  readonly type: "exec";
  readonly lowers: readonly string[];
  readonly active: ActivePaths;
  readonly process: ProcessSpec;
  readonly mounts: readonly StepMount[];
  /** A folder of this step alone, outside the snapshot. */
  readonly scratchDir: string;
  /** Where compiled seccomp filters are kept for the next step. */
  readonly filterCacheDir: string;
}

/** Mounts of a step whose sources the thread has to make. Targets are absolute. */
export type StepMount =
  | {
      readonly type: "layers";
      readonly lowers: readonly string[];
      readonly source: string;
      readonly target: string;
      readonly writable: boolean;
    }
  | {
      readonly type: "context";
      readonly dir: string;
      readonly exclude: readonly string[];
      readonly source: string;
      readonly target: string;
      readonly writable: boolean;
    }
  | { readonly type: "cache"; readonly dir: string; readonly target: string; readonly readonly: boolean }
  | { readonly type: "tmpfs"; readonly target: string; readonly sizeBytes?: number | undefined }
  | {
      readonly type: "secret";
      readonly target: string;
      readonly content: Uint8Array;
      readonly mode: number;
      readonly uid: number;
      readonly gid: number;
    }
  /** A socket of this process's own that the step may speak to. */
  | { readonly type: "socket"; readonly path: string; readonly target: string };

/** Lists what a process changed and says what it came to. */
export interface ScanStepTask {
  readonly type: "scan-step";
  readonly active: ActivePaths;
  readonly parentIdentity: Digest;
  /** Encoded file lists of the parents, bottom first. */
  readonly parentLists: readonly string[];
  /** Encoded file lists of the other inputs. */
  readonly inputLists: readonly string[];
  /** The step's time on the filesystem's own clock, nanoseconds. */
  readonly window: { readonly fromNs: bigint; readonly toNs: bigint };
  readonly wantsDiffId: boolean;
}

/** Unpacks one layer of a pulled image by itself, beside the others. */
export interface UnpackTask {
  readonly type: "unpack";
  readonly blobPath: string;
  readonly mediaType: string;
  readonly expectedDiffId: Digest;
  readonly active: ActivePaths;
}

/** What an unpacked layer left open until its parents are known. */
export interface UnpackedFacts extends CommittedFacts {
  readonly diffId: Digest;
  /** Folders that the tar didn't name: their metadata comes from below. */
  readonly impliedDirs: readonly string[];
  /** Folders that have to be folders below as well: where there is a link, the layer is applied again. */
  readonly assumedDirs: readonly string[];
  /** Links to a file that isn't in the layer. */
  readonly needsParents: boolean;
}

/** Makes side-by-side unpacked layers what applying them in order would have made, bottom first. */
export interface SettleTask {
  readonly type: "settle";
  /** Encoded file lists and folders of the layers that were there already, bottom first. */
  readonly parents: readonly { readonly listPath: string; readonly dir: string }[];
  readonly layers: readonly (UnpackTask & { readonly unpacked: UnpackedFacts })[];
}

export interface CompressTask {
  readonly type: "compress";
  readonly dir: string;
  readonly listPath: string;
  readonly destPath: string;
  readonly compression: "none" | "gzip" | "zstd";
  readonly level?: number | undefined;
  readonly timestampSec?: number | undefined;
}

export interface DiffIdTask {
  readonly type: "diff-id";
  readonly dir: string;
  readonly listPath: string;
}

/** Lists a tree that another program wrote into the snapshot, after giving all of it one time. */
export interface ListTreeTask {
  readonly type: "list-tree";
  readonly active: ActivePaths;
  /** Seconds since 1970. */
  readonly timeSec: number;
}

/** Writes filesystems, or a path of each, to a folder or a tar outside the store. */
export interface CopyOutTask {
  readonly type: "copy-out";
  readonly parts: readonly CopyOutPart[];
  readonly scratchDir: string;
  /** `-` is standard output, for tars. */
  readonly dest: { readonly type: "local" | "tar"; readonly path: string };
  readonly timestampSec?: number | undefined;
}

export interface CopyOutPart {
  /** Folder of the part in the destination; empty: the destination itself. */
  readonly folder: string;
  readonly lowers: readonly string[];
  /** Path inside; unset: all of it. */
  readonly source?: string | undefined;
}

/** What a thread is told while it works: to end, or how many bytes of its messages have been dealt with. */
export type ThreadOrder = { readonly type: "cancel" } | { readonly type: "taken"; readonly bytes: number };

/** What a thread may say while it works. */
export type ThreadMessage = { readonly type: "output"; readonly stream: 1 | 2; readonly data: Uint8Array };
