/** Which images `tsbuild images` lists. */
import { TsbuildError } from "../../base/errors.js";
import { type Reference, familiarName } from "../../image/reference.js";
import { type StoredImage, createdMs } from "../../worker/store-commands/catalog.js";
import { type Filters, booleanFilter, hasLabels, parseTime } from "../values/filters.js";
import { repositoryOf } from "./rows.js";

export const IMAGE_FILTERS: readonly string[] = ["before", "dangling", "label", "reference", "since", "until"];

export interface SelectOptions {
  readonly filters: Filters;
  readonly nowMs: number;
  /** What a name or ID in `before` and `since` means. @throws {TsbuildError} IMAGE_NOT_FOUND */
  readonly find: (text: string) => StoredImage;
}

/** Images that pass all filters, with those of their names that do. */
export function selectImages(images: readonly StoredImage[], { filters, nowMs, find }: SelectOptions): readonly StoredImage[] {
  const dangling = booleanFilter(filters, "dangling");
  const before = times(filters, "before", find);
  const since = times(filters, "since", find);
  const until = (filters.get("until") ?? []).map((text) => parseTime("--filter until", text, nowMs));
  const passes = (image: StoredImage): boolean =>
    (dangling === undefined || dangling === isDangling(image)) &&
    [...before, ...until].every((time) => createdMs(image) < time) &&
    since.every((time) => createdMs(image) > time) &&
    hasLabels(image.config.config.Labels, filters.get("label") ?? []);
  const named = images.filter(passes).map((image) => withMatchingNames(image, filters.get("reference")));
  return named.filter((image) => image !== undefined);
}

function isDangling({ tags, digests }: StoredImage): boolean {
  return tags.length + digests.length === 0;
}

function times(filters: Filters, name: string, find: SelectOptions["find"]): readonly number[] {
  return (filters.get(name) ?? []).map((text) => createdMs(find(text)));
}

function withMatchingNames(image: StoredImage, patterns: readonly string[] | undefined): StoredImage | undefined {
  if (patterns === undefined) return image;
  const globs = patterns.map(globOf);
  const matches = (name: Reference): boolean => globs.some((glob) => glob.test(familiarName(name)) || glob.test(repositoryOf(name)));
  const [tags, digests] = [image.tags.filter(matches), image.digests.filter(matches)];
  return tags.length + digests.length === 0 ? undefined : { ...image, tags, digests };
}

/** Go's path.Match: `*` and `?` stop at slashes, `[a-z]` and `[^a-z]`, a backslash takes the next as it is. @throws {TsbuildError} USAGE */
export function globOf(pattern: string): RegExp {
  const source = pattern.replace(
    /\\(.)|\[(\^?)((?:\\.|[^\]\\])+)\]|(\*)|(\?)|([^\w])/gs,
    (whole, escaped?: string, not?: string, set?: string, star?: string, one?: string) => {
      if (escaped !== undefined) return literal(escaped);
      if (set !== undefined) return `[${not ?? ""}${set.replace(/[[^]/g, "\\$&")}]`;
      if (star !== undefined) return "[^/]*";
      return one === undefined ? literal(whole) : "[^/]";
    },
  );
  try {
    return new RegExp(`^${source}$`, "u");
  } catch (error) {
    throw new TsbuildError("USAGE", `invalid pattern "${pattern}"`, { cause: error });
  }
}

function literal(character: string): string {
  return character.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
}
