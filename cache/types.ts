/**
 * The store: everything that is kept on disk, as plain files (design: no database, any number of processes).
 * `Store.open(root)` in cache/store.ts gives one object with these parts.
 */
import type { Readable } from "node:stream";
import type { Digest, Json } from "../base/digest.js";
import type { Descriptor, FileList } from "../image/types.js";

/** Names a committed snapshot: 16 to 64 characters of `[a-z0-9]`. */
export type SnapshotName = string & { readonly __snapshot: true };

/** The layers of a filesystem, bottom first. An empty chain is an empty filesystem. */
export type Chain = readonly SnapshotName[];

// ---------------------------------------------------------------- content

/** Blobs by digest. What is visible is whole. */
export interface ContentStore {
  /** Size in bytes, or undefined when it isn't there (or is of another size than `expectedSize`: then it is dropped). */
  size(digest: Digest, expectedSize?: number): Promise<number | undefined>;
  /** @throws ENOENT-like TsbuildError CONTENT_MISSING */
  read(digest: Digest, maxBytes?: number): Promise<Buffer>;
  stream(digest: Digest): Readable;
  path(digest: Digest): string;
  /** Stores bytes that are in memory; content that exists already is success. */
  put(bytes: Uint8Array, expected?: Digest): Promise<Digest>;
  /** Begins an ingestion: nothing is visible before `commit`; disposing drops it. */
  writer(): Promise<ContentWriter>;
  delete(digest: Digest): Promise<void>;
  list(): AsyncIterable<{ readonly digest: Digest; readonly size: number }>;
}

export interface ContentWriter extends AsyncDisposable {
  /** File the caller may write by itself (a worker thread, say). */
  readonly path: string;
  write(chunk: Uint8Array): Promise<void>;
  /** Checks what was written through `write` and publishes it. @throws {TsbuildError} CONTENT_MISMATCH */
  commit(expected?: { readonly digest?: Digest; readonly size?: number }): Promise<Digest>;
  /** Publishes a file that the caller wrote at `path` and whose digest the caller has computed on the way. */
  commitAs(digest: Digest): Promise<void>;
}

// ---------------------------------------------------------------- snapshots

/** Facts about a committed snapshot, in `snapshots/NAME/meta`. */
export interface SnapshotMeta {
  readonly name: SnapshotName;
  /** Uncompressed tar's digest, once it is known. */
  readonly diffId?: Digest | undefined;
  /** The layer's blobs, by compression. For a pulled layer the blob it came from, which is never made again. */
  readonly blobs: Readonly<Partial<Record<"none" | "gzip" | "zstd", Descriptor>>>;
  /** Bytes on disk. */
  readonly sizeBytes: number;
  /** True when nothing is in it: it is left out of mounts. */
  readonly isEmpty: boolean;
  readonly createdAtMs: number;
}

export interface SnapshotStore {
  /** Whether every snapshot of the chain is there. Stat only. */
  hasAll(chain: Chain): Promise<boolean>;
  /** Makes a place to write: `fs` and `work` folders beside each other. Disposing before commit removes it. */
  prepare(): Promise<ActiveSnapshot>;
  meta(name: SnapshotName): Promise<SnapshotMeta>;
  /** Adds a diffID or a blob to what is known. Atomic; last writer wins field by field. */
  annotate(
    name: SnapshotName,
    facts: { readonly diffId?: Digest; readonly blob?: readonly ["none" | "gzip" | "zstd", Descriptor] },
  ): Promise<void>;
  /** The folder that is the layer, in overlay's form (whiteouts are 0:0 devices, opaque is an xattr). */
  directory(name: SnapshotName): string;
  /** Where the encoded list lies (image/layer/file-list.ts), for threads that read it themselves. */
  listPath(name: SnapshotName): string;
  /** The snapshot's own list, whiteouts and opaque marks included. */
  files(name: SnapshotName): Promise<FileList>;
  /** Lowers for an overlay mount of the chain, top first (the kernel's order), empty snapshots left out. */
  lowers(chain: Chain): Promise<readonly string[]>;
  delete(name: SnapshotName): Promise<void>;
  list(): Promise<readonly SnapshotName[]>;
}

export interface ActiveSnapshot extends AsyncDisposable {
  /** Overlay upperdir. */
  readonly fs: string;
  /** Overlay workdir. */
  readonly work: string;
  /** An empty folder to mount on. */
  readonly mountpoint: string;
  /** Renames `fs` into place. With `name` that exists already: drops this one and counts as success. */
  commit(facts: CommitFacts): Promise<SnapshotName>;
}

export interface CommitFacts {
  /** Unset: a new random name. Layers of pulled images are named by the hex of their chain ID. */
  readonly name?: SnapshotName;
  /** The list, or the path of an encoded one that a worker wrote (renamed into place). */
  readonly files: FileList | { readonly encodedAt: string };
  readonly isEmpty: boolean;
  readonly sizeBytes: number;
  readonly diffId?: Digest;
  readonly blob?: readonly ["none" | "gzip" | "zstd", Descriptor];
}

// ---------------------------------------------------------------- steps

/** A step's key: hex of a sha256. */
export type StepKey = string & { readonly __stepKey: true };

/** One named ingredient of a key. Names are for people and stable: `command`, `env PATH`, `base`, `file src/a.ts`. */
export interface KeyPart {
  readonly name: string;
  /** Short text or digest; never a secret. */
  readonly value: string;
  /** Only explains another part (a file of a checksum that counts as a whole): not in the key. */
  readonly isDetail?: true;
}

export interface StepRecord {
  readonly key: StepKey;
  /** What the result is, in content. */
  readonly identity: Digest;
  readonly chain: Chain;
  /** The ingredients, to explain later misses. May be thousands (one per file). */
  readonly parts: readonly KeyPart[];
  readonly place: string;
  readonly name: string;
  readonly createdAtMs: number;
  readonly durationMs: number;
  /** Path of the log below the store, when the step had output. */
  readonly logPath?: string | undefined;
}

export interface StepRecords {
  /** The record, whether or not its chain is present; undefined when there is none or it is torn. */
  get(key: StepKey): Promise<StepRecord | undefined>;
  /** Files one record under all its keys and as the newest of its place. */
  put(keys: readonly StepKey[], record: StepRecord): Promise<void>;
  /** Files a record that exists under one more key. */
  alias(key: StepKey, record: StepRecord): Promise<void>;
  /** Newest records for a place in a Dockerfile, newest first, at most `limit`. */
  atPlace(place: string, limit: number): Promise<readonly StepRecord[]>;
}

// ---------------------------------------------------------------- names

/** What a tag points at. */
export interface ImageRecord {
  /** Digest of the config: the image ID. */
  readonly id: Digest;
  /** Digest and media type of what the name means: a manifest or an index. */
  readonly target: Descriptor;
  /** Digest of the manifest for this machine. */
  readonly manifest: Digest;
  /** Chain of unpacked layers, when it was unpacked or built here. */
  readonly chain?: Chain | undefined;
  readonly createdAtMs: number;
}

export interface RefStore {
  /** Names are full references: `docker.io/library/app:latest`. */
  get(name: string): Promise<ImageRecord | undefined>;
  set(name: string, record: ImageRecord): Promise<void>;
  delete(name: string): Promise<boolean>;
  list(): Promise<readonly { readonly name: string; readonly record: ImageRecord }[]>;
}

// ---------------------------------------------------------------- locks, leases

export interface Locks {
  /**
   * Holds the lock file `name` (hashed into a path) by flock until disposed. Never blocks a thread: LOCK_NB and a timer.
   * `onWait` is told once when somebody else has it, with the owner's pid if known.
   */
  acquire(name: string, options: { readonly signal: AbortSignal; readonly onWait?: (owner: string) => void }): Promise<AsyncDisposable>;
  tryAcquire(name: string): Promise<AsyncDisposable | undefined>;
}

/** A lease says which process uses which things; it is void when the process is gone (pid, start time, boot id). */
export interface Lease extends AsyncDisposable {
  readonly id: string;
  /** Adds things to what prune must not take: `snapshot/NAME`, `blob/DIGEST`. */
  hold(...things: readonly string[]): Promise<void>;
  /** Things outside the store that the next command must remove if this process dies: cgroup folders, nft elements, temp paths. */
  own(resource: OwnedResource): Promise<void>;
  release(resource: OwnedResource): Promise<void>;
}

export type OwnedResource =
  | { readonly type: "path"; readonly path: string }
  | { readonly type: "cgroup"; readonly name: string }
  | { readonly type: "network"; readonly id: string; readonly details: Json }
  | { readonly type: "container"; readonly id: string };
