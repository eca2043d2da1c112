/** The folder of a container while this process answers for it. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { writeContainerHolds } from "../../cache/holds.js";
import type { Store } from "../../cache/store.js";
import type { Chain } from "../../cache/types.js";
import { checkName, claimName } from "./names.js";
import { removeContainer } from "./remove.js";
import { writeState } from "./state.js";
import type { ContainerState } from "./types.js";

export interface CreateRequest {
  readonly state: Omit<ContainerState, "name">;
  readonly wantedName: string | undefined;
  readonly chain: Chain;
  readonly signal: AbortSignal;
}

/** Removed when it is disposed, unless `keep` was called. */
export class ContainerFolder implements AsyncDisposable {
  readonly #store: Store;
  readonly path: string;
  #state: ContainerState;
  #isKept = false;

  private constructor(store: Store, state: ContainerState) {
    this.#store = store;
    this.#state = state;
    this.path = store.path("containers", state.id);
  }

  /** @throws {TsbuildError} CONTAINER_NAME_INVALID, CONTAINER_NAME_TAKEN: then nothing is left */
  static async create(store: Store, { state, wantedName, chain, signal }: CreateRequest): Promise<ContainerFolder> {
    if (wantedName !== undefined) checkName(wantedName);
    await store.lease.own({ type: "container", id: state.id });
    const folder = new ContainerFolder(store, { ...state, name: state.id });
    try {
      for (const name of ["fs", "work", "root"]) mkdirSync(join(folder.path, name), { recursive: true, mode: 0o755 });
      writeContainerHolds(store, state.id, [`blob/${state.imageId}`, ...chain.map((snapshot) => `snapshot/${snapshot}`)]);
      folder.update({ name: await claimName(store, { id: state.id, wanted: wantedName, signal }) });
      return folder;
    } catch (error) {
      await folder[Symbol.asyncDispose]();
      throw error;
    }
  }

  get state(): ContainerState {
    return this.#state;
  }

  update(changes: Partial<ContainerState>): void {
    this.#state = { ...this.#state, ...changes };
    writeState(this.#store, this.#state);
  }

  /** It stays, unless it was to remove itself. */
  keep(): void {
    this.#isKept = !this.#state.removesItself;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#isKept) removeContainer(this.#store, this.#state, { removesVolumes: true });
    await this.#store.lease.release({ type: "container", id: this.#state.id });
  }
}
