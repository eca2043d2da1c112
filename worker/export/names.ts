/** Names that an image gets in the store and in registries. Pure. */
import type { Digest } from "../../base/digest.js";
import { TsbuildError } from "../../base/errors.js";
import { formatReference, parseReference, type Reference, withDefaultTag } from "../../image/reference.js";
import type { ImageOptions } from "./options.js";

export interface Naming extends Partial<Pick<ImageOptions, "nameCanonical" | "danglingPrefix" | "danglingEmptyOnly">> {
  readonly names: readonly string[];
  /** Names it has already, for the canonical ones. */
  readonly tags?: readonly string[];
}

/** Those to be given in the store, besides `tags`. */
export function storedNames(
  { names, tags = [], nameCanonical = false, danglingPrefix = "", danglingEmptyOnly = false }: Naming,
  digest: Digest,
): readonly string[] {
  const all = [...tags, ...names];
  const canonical = nameCanonical ? all : [];
  const dangling = danglingPrefix === "" || (danglingEmptyOnly && all.length > 0) ? [] : [danglingPrefix];
  return [...new Set([...names, ...[...canonical, ...dangling].map((name) => withDigestOnly(name, digest))])];
}

/**
 * Those to push to when nothing is to be tagged. Tags of `tags` are the default's; whoever gave one by hand has been told.
 * @throws {TsbuildError} OUTPUT_INVALID for a name with a tag, which would come to nothing
 */
export function digestNames(tags: readonly string[], names: readonly string[], digest: Digest): readonly string[] {
  for (const name of names) {
    const { registry, repository, tag, digest: given } = parseReference(name);
    if (tag === undefined && given === undefined) continue;
    throw new TsbuildError("OUTPUT_INVALID", `push-by-digest=true gives no tag, but the name ${name} has one`, {
      hint: `write name=${formatReference({ registry, repository })}`,
    });
  }
  return [...tags, ...names].map((name) => withDigestOnly(name, digest));
}

/** With the default tag, where it has none. */
export function fullName(name: string): string {
  return formatReference(withDefaultTag(parseReference(name)));
}

function withDigestOnly(name: string, digest: Digest): string {
  const { registry, repository }: Reference = parseReference(name);
  return formatReference({ registry, repository, digest });
}
