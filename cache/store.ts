/** The store: everything that is kept on disk, as one object per process or worker thread. */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import type { Kernel } from "../sys/types.js";
import { FileContentStore } from "./content-store.js";
import { Durability } from "./durability.js";
import { openLayout } from "./layout.js";
import type { LeasePlace } from "./leases.js";
import { OwnLease } from "./leases.js";
import { FileLocks } from "./locks.js";
import type { Recovery, RecoveryHandlers } from "./recover.js";
import { recover } from "./recover.js";
import { FileRefStore } from "./ref-store.js";
import { FileSnapshotStore } from "./snapshot-store.js";
import { FileStepRecords } from "./step-records.js";
import { TempSpace } from "./temp-space.js";

export interface StoreOptions {
  /** Told, in a sentence, of what was found lost or damaged and healed. */
  readonly onNote?: ((message: string) => void) | undefined;
}

/** A folder that is removed with its scope. */
export interface TempDir extends AsyncDisposable {
  readonly path: string;
}

export class Store implements AsyncDisposable {
  /** As given by the user; what is kept lies below `path()`. */
  readonly root: string;
  readonly kernel: Kernel;
  readonly content: FileContentStore;
  readonly snapshots: FileSnapshotStore;
  readonly steps: FileStepRecords;
  readonly refs: FileRefStore;
  /** Images that aren't named by the user: bases that were fetched, by reference and platform; chains of what was built, by image ID. */
  readonly bases: FileRefStore;
  readonly locks: FileLocks;
  /** This object's own: what the process uses stays, and what it would leave behind is found. */
  readonly lease: OwnLease;
  /** For the other files of this folder: where leases lie, what was synced, temporary names. */
  readonly leasePlace: LeasePlace;
  readonly durability: Durability;
  readonly temp: TempSpace;
  readonly #dir: string;

  /**
   * Opens the store, made when there is none. A handful of system calls; nothing is read before it is asked for.
   * @throws {TsbuildError} STORE_NOT_YOURS, STORE_TOO_NEW, STORE_UNUSABLE
   */
  static open(root: string, kernel: Kernel, options: StoreOptions = {}): Promise<Store> {
    return Promise.resolve().then(() => new Store({ root, dir: openLayout(root), kernel, onNote: options.onNote ?? (() => undefined) }));
  }

  private constructor({
    root,
    dir,
    kernel,
    onNote,
  }: {
    readonly root: string;
    readonly dir: string;
    readonly kernel: Kernel;
    readonly onNote: (message: string) => void;
  }) {
    this.root = root;
    this.kernel = kernel;
    this.#dir = dir;
    const durability = new Durability(dir, kernel);
    this.durability = durability;
    this.leasePlace = { dir: join(dir, "leases"), gate: join(dir, "locks", "gate"), kernel };
    const lease = new OwnLease(this.leasePlace, () => durability.bootId);
    this.lease = lease;
    const temp = new TempSpace(join(dir, "tmp"), kernel, () => lease.ensure());
    this.temp = temp;
    const locks = new FileLocks(join(dir, "locks"), kernel);
    this.locks = locks;
    const content = new FileContentStore({ dir: join(dir, "content", "sha256"), kernel, durability, temp, lease });
    this.content = content;
    const snapshots = new FileSnapshotStore({ dir: join(dir, "snapshots"), durability, temp, lease, locks, onNote });
    this.snapshots = snapshots;
    this.steps = new FileStepRecords({ stepsDir: join(dir, "steps"), placesDir: join(dir, "places"), durability, temp });
    this.refs = new FileRefStore({ dir: join(dir, "refs"), content, snapshots, durability, temp, onNote });
    this.bases = new FileRefStore({ dir: join(dir, "bases"), content, snapshots, durability, temp, onNote });
  }

  /** A path below the store: `path("mounts", id)`. The parts are the caller's own words, never from outside. */
  path(...parts: readonly string[]): string {
    return join(this.#dir, ...parts);
  }

  /** Sorts by time: nine characters of the clock, then chance. Lower-case letters and digits. */
  newBuildId(): string {
    return Date.now().toString(36).padStart(9, "0") + randomBytes(8).toString("hex");
  }

  async tempDir(): Promise<TempDir> {
    const path = this.temp.folder();
    return { path, [Symbol.asyncDispose]: async () => this.temp.remove(path) };
  }

  /** Cleans up after dead processes. One directory read when there are none. */
  recover(handlers: RecoveryHandlers): Promise<Recovery> {
    return recover({ ...this.leasePlace, tempDir: this.path("tmp"), ownLeaseId: this.lease.id }, handlers);
  }

  /** One syncfs: everything written before this began will survive a power cut. */
  sync(): Promise<void> {
    return this.durability.sync();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.temp.removeAll();
    await this.lease[Symbol.asyncDispose]();
  }
}
