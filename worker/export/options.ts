/** What an output's attributes mean. Those that aren't known are refused. */
import { TsbuildError } from "../../base/errors.js";
import type { Compression } from "../../image/media.js";
import type { Output, OutputAttributes } from "../types.js";
import { type Annotation, readAnnotation } from "./annotations.js";

export interface ImageOptions {
  readonly names: readonly string[];
  readonly compression: Compression;
  readonly level?: number | undefined;
  readonly forceCompression: boolean;
  readonly ociMediaTypes: boolean;
  readonly push: boolean;
  /** An OCI layout as a folder instead of a tar. */
  readonly asTar: boolean;
  readonly rewriteTimestamp: boolean;
  readonly annotations: readonly Annotation[];
  /** Nothing is tagged in the registry. */
  readonly pushByDigest: boolean;
  /** In the store the image has its names with the digest behind, too. */
  readonly nameCanonical: boolean;
  /** Name that the image has with the digest behind; empty: none. */
  readonly danglingPrefix: string;
  /** Only where it has no other name. */
  readonly danglingEmptyOnly: boolean;
  /** False: it is pushed, and gets no name in the store. */
  readonly isStored: boolean;
}

/** Whether files of each platform have a folder of their own. @throws {TsbuildError} OUTPUT_INVALID */
export function isSplit({ type, attributes }: Output, platforms: number): boolean {
  const split = flag(attributes, "platform-split", platforms > 1);
  if (split || platforms < 2) return split;
  throw new TsbuildError("OUTPUT_INVALID", `output type=${type}: files of ${platforms} platforms can't be in one folder`, {
    hint: "leave platform-split=false out, or build for one platform",
  });
}

const IMAGE_ATTRIBUTES = ["name", "compression", "compression-level", "force-compression", "oci-mediatypes", "rewrite-timestamp"];
const KNOWN: Readonly<Record<Output["type"], readonly string[]>> = {
  image: [
    ...IMAGE_ATTRIBUTES,
    "push",
    "push-by-digest",
    "name-canonical",
    "dangling-name-prefix",
    "danging-name-empty-only",
    "store",
    "unpack",
  ],
  oci: [...IMAGE_ATTRIBUTES, "tar"],
  docker: [...IMAGE_ATTRIBUTES, "tar"],
  local: ["platform-split", "mode"],
  tar: ["platform-split"],
};

const LEVELS: Readonly<Record<Compression, number>> = { none: 0, gzip: 9, zstd: 22 };

/** @throws {TsbuildError} OUTPUT_INVALID */
export function imageOptions(output: Output): ImageOptions {
  const { type, attributes } = output;
  const annotations: Annotation[] = [];
  for (const [name, value] of Object.entries(attributes)) {
    const annotation = type === "local" || type === "tar" ? undefined : readAnnotation(name, value);
    if (annotation !== undefined) annotations.push(annotation);
    else if (!KNOWN[type].includes(name)) throw invalid(`output type=${type} has no attribute "${name}"`, KNOWN[type]);
  }
  if ((attributes["mode"] ?? "copy") !== "copy")
    throw new TsbuildError(
      "UNSUPPORTED",
      `output mode=${attributes["mode"] ?? ""}: files are only added to a folder (mode=copy), never removed from it`,
    );
  const compression = compressionFrom(attributes["compression"] ?? "gzip");
  return {
    names: (attributes["name"] ?? "").split(",").filter((name) => name !== ""),
    compression,
    level: levelFrom(attributes["compression-level"], compression),
    forceCompression: flag(attributes, "force-compression", false),
    // Docker's manifests have no place for annotations.
    ociMediaTypes: annotations.length > 0 || flag(attributes, "oci-mediatypes", type !== "docker"),
    push: flag(attributes, "push", false),
    asTar: flag(attributes, "tar", true),
    rewriteTimestamp: flag(attributes, "rewrite-timestamp", false),
    annotations,
    pushByDigest: flag(attributes, "push-by-digest", false),
    nameCanonical: flag(attributes, "name-canonical", false),
    isStored: flag(attributes, "store", true),
    danglingPrefix: attributes["dangling-name-prefix"] ?? "",
    // BuildKit spells it so.
    danglingEmptyOnly: flag(attributes, "danging-name-empty-only", false),
  };
}

function compressionFrom(text: string): Compression {
  if (text === "uncompressed") return "none";
  if (text === "gzip" || text === "zstd") return text;
  throw invalid(`unsupported compression "${text}"`, ["uncompressed", "gzip", "zstd"]);
}

function levelFrom(text: string | undefined, compression: Compression): number | undefined {
  if (text === undefined) return undefined;
  const level = Number(text);
  if (!Number.isInteger(level) || level < 0 || level > LEVELS[compression]) {
    throw invalid(`compression-level=${text} is not a level of ${compression}`, [`0 to ${LEVELS[compression]}`]);
  }
  return level;
}

function flag(attributes: OutputAttributes, name: string, fallback: boolean): boolean {
  const text = attributes[name];
  if (text === undefined) return fallback;
  if (text === "" || text === "true" || text === "1") return true;
  if (text === "false" || text === "0") return false;
  throw invalid(`output attribute ${name}=${text} is neither true nor false`, ["true", "false"]);
}

function invalid(message: string, known: readonly string[]): TsbuildError {
  return new TsbuildError("OUTPUT_INVALID", message, known.length === 0 ? {} : { hint: `known are ${known.join(", ")}` });
}
