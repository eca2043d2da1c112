/** The rows of `tsbuild images`. Pure. */
import { digestHex } from "../../base/digest.js";
import { type Reference, familiarName } from "../../image/reference.js";
import type { StoredImage } from "../../worker/store-commands/catalog.js";
import type { Row } from "../values/listing.js";
import { goTime, humanSize, timeAgo } from "../values/units.js";

export interface SizedImage {
  readonly image: StoredImage;
  readonly bytes: number;
}

export interface RowOptions {
  readonly nowMs: number;
  readonly noTrunc: boolean;
  /** Digests are told, and an image with several is told once for each. */
  readonly digests: boolean;
}

export const IMAGE_HEADINGS: Row = {
  Containers: "CONTAINERS",
  CreatedAt: "CREATED AT",
  CreatedSince: "CREATED",
  Digest: "DIGEST",
  ID: "IMAGE ID",
  Repository: "REPOSITORY",
  SharedSize: "SHARED SIZE",
  Size: "SIZE",
  Tag: "TAG",
  UniqueSize: "UNIQUE SIZE",
  VirtualSize: "SIZE",
};

const NONE = "<none>";

/** One row for each name: repository and tag, with a digest of the repository where those are told. */
export function imageRows({ image, bytes }: SizedImage, options: RowOptions): readonly Row[] {
  return namesOf(image, options.digests).map((name) => ({ ...name, ...facts({ image, bytes }, options) }));
}

type NameFields = Pick<Row, "Repository" | "Tag" | "Digest">;

function namesOf({ tags, digests }: StoredImage, tellsDigests: boolean): readonly NameFields[] {
  const tagged = tags.flatMap((tag): NameFields[] => {
    const own = tellsDigests ? digests.filter((digest) => repositoryOf(digest) === repositoryOf(tag)) : [];
    const shown = own.length === 0 ? [NONE] : own.map(({ digest }) => digest ?? NONE);
    return shown.map((digest) => ({ Repository: repositoryOf(tag), Tag: tag.tag ?? NONE, Digest: digest }));
  });
  const tagless = digests.filter((digest) => !tags.some((tag) => repositoryOf(tag) === repositoryOf(digest)));
  const byDigest = tagless.map(({ digest, ...name }) => ({
    Repository: repositoryOf(name),
    Tag: NONE,
    Digest: tellsDigests ? (digest ?? NONE) : NONE,
  }));
  const all = [...tagged, ...unique(byDigest)];
  return all.length === 0 ? [{ Repository: NONE, Tag: NONE, Digest: NONE }] : all;
}

function unique(names: readonly NameFields[]): readonly NameFields[] {
  return [...new Map(names.map((name) => [`${name["Repository"]}@${name["Digest"]}`, name])).values()];
}

export function repositoryOf({ registry, repository }: Reference): string {
  return familiarName({ registry, repository });
}

function facts({ image, bytes }: SizedImage, { nowMs, noTrunc }: RowOptions): Row {
  const created = Date.parse(image.config.created ?? "");
  const createdMs = Number.isNaN(created) ? undefined : created;
  return {
    Containers: "N/A",
    CreatedAt: createdMs === undefined ? "N/A" : goTime(createdMs),
    CreatedSince: timeAgo(createdMs, nowMs),
    ID: noTrunc ? image.id : digestHex(image.id).slice(0, 12),
    SharedSize: "N/A",
    Size: humanSize(bytes),
    UniqueSize: "N/A",
    VirtualSize: humanSize(bytes, 4),
  };
}
