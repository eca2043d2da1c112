/** Which mounts a container gets and in which order. Pure. */
import { cleanPath } from "../../base/paths.js";
import { TsbuildError } from "../../base/errors.js";
import type { MountRequest } from "./types.js";

/** A mount whose volume has a name. */
export type NamedMount =
  | Exclude<MountRequest, { type: "volume" }>
  | (Extract<MountRequest, { type: "volume" }> & { readonly name: string });

export interface MountPlan {
  readonly mounts: readonly NamedMount[];
  /** Names of volumes that belong to this container alone. */
  readonly anonymousVolumes: readonly string[];
}

/**
 * The user's mounts, and an anonymous volume for every VOLUME of the image that none of them covers. Outer ones come
 * before those inside them, whatever the order on the command line.
 * @throws {TsbuildError} MOUNT_INVALID for a relative target, the root, or one that is given twice
 */
export function planMounts(given: readonly MountRequest[], imageVolumes: readonly string[], newName: () => string): MountPlan {
  const byTarget = new Map<string, MountRequest>();
  for (const mount of given) {
    const target = checkTarget(mount.target);
    if (byTarget.has(target)) throw new TsbuildError("MOUNT_INVALID", `Duplicate mount point: ${target}`);
    byTarget.set(target, { ...mount, target });
  }
  for (const path of imageVolumes) {
    const target = checkTarget(path);
    if (!byTarget.has(target)) byTarget.set(target, { type: "volume", target, readonly: false, copiesImage: true });
  }
  const anonymousVolumes: string[] = [];
  const named = [...byTarget.values()].map((mount): NamedMount => {
    if (mount.type !== "volume") return mount;
    if (mount.name !== undefined) return { ...mount, name: mount.name };
    const name = newName();
    anonymousVolumes.push(name);
    return { ...mount, name };
  });
  return { mounts: inOrder(named), anonymousVolumes };
}

/** Stable, by how deep the target lies. */
export function inOrder<T extends { readonly target: string }>(mounts: readonly T[]): readonly T[] {
  return mounts.toSorted((a, b) => depth(a.target) - depth(b.target));
}

function depth(target: string): number {
  return target.split("/").length;
}

function checkTarget(path: string): string {
  const target = cleanPath(path);
  if (!path.startsWith("/")) throw new TsbuildError("MOUNT_INVALID", `invalid mount path: "${path}" mount path must be absolute`);
  if (target === "/") throw new TsbuildError("MOUNT_INVALID", `invalid mount path "${path}": destination can't be '/'`);
  return target;
}
