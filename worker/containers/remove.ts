/** Removes containers, and puts right those whose process died. */
import { removeTree } from "../../cache/remove-tree.js";
import type { Store } from "../../cache/store.js";
import { releaseName } from "./names.js";
import { readState, writeState } from "./state.js";
import type { ContainerState } from "./types.js";
import { removeVolume } from "./volumes.js";

/** 128 + SIGKILL */
const KILLED = 137;
const ID = /^[0-9a-f]{64}$/;

/** The folder goes last: until then a second try finds what is left. Nothing of it may run any more. */
export function removeContainer(store: Store, state: ContainerState, { removesVolumes }: { readonly removesVolumes: boolean }): void {
  if (removesVolumes) for (const name of state.anonymousVolumes) removeVolume(store, name);
  releaseName(store, state.name, state.id);
  removeTree(store.kernel, store.path("containers", state.id));
}

/** For a container whose tsbuild was killed, and it with it: what was to vanish vanishes, the others are stopped ones. */
export function recoverContainer(store: Store, id: string): void {
  if (!ID.test(id)) return;
  const state = readState(store, id);
  if (state === undefined) return removeTree(store.kernel, store.path("containers", id));
  if (state.removesItself || state.status === "created") return removeContainer(store, state, { removesVolumes: true });
  if (state.status !== "running") return;
  writeState(store, {
    ...state,
    status: "exited",
    exitCode: KILLED,
    error: "tsbuild was killed, and the container with it",
    finishedAtMs: Date.now(),
  });
}
