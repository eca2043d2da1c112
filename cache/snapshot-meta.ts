import type { Json } from "../base/digest.js";
import {
  asDigest,
  fieldError,
  optionalBoolean,
  optionalInteger,
  optionalObject,
  optionalString,
  requiredString,
} from "../image/json-fields.js";
import type { Fields } from "../image/json-fields.js";
import { descriptorFrom } from "../image/parse.js";
import type { Descriptor } from "../image/types.js";
import { descriptorJson } from "../image/write.js";
import type { Chain, SnapshotMeta, SnapshotName } from "./types.js";

const NAME = /^[a-z0-9]{16,64}$/;
const COMPRESSIONS = ["none", "gzip", "zstd"] as const;

export type Compression = (typeof COMPRESSIONS)[number];

export function isSnapshotName(text: string): text is SnapshotName {
  return NAME.test(text);
}

export function metaJson(meta: SnapshotMeta): Json {
  const blobs = Object.fromEntries(
    COMPRESSIONS.flatMap((kind) => (meta.blobs[kind] === undefined ? [] : [[kind, descriptorJson(meta.blobs[kind])]])),
  );
  return {
    name: meta.name,
    diffId: meta.diffId,
    blobs,
    sizeBytes: Math.round(meta.sizeBytes),
    isEmpty: meta.isEmpty,
    createdAtMs: meta.createdAtMs,
  };
}

/** @throws {TsbuildError} for any other shape */
export function metaFrom(fields: Fields): SnapshotMeta {
  const diffId = optionalString(fields, "diffId");
  return {
    name: snapshotNameFrom(requiredString(fields, "name"), fields.path),
    ...(diffId === undefined ? {} : { diffId: asDigest(diffId, "diffId") }),
    blobs: blobsFrom(optionalObject(fields, "blobs")),
    sizeBytes: optionalInteger(fields, "sizeBytes") ?? 0,
    isEmpty: optionalBoolean(fields, "isEmpty") === true,
    createdAtMs: optionalInteger(fields, "createdAtMs") ?? 0,
  };
}

function blobsFrom(fields: Fields | undefined): SnapshotMeta["blobs"] {
  const blobs: Partial<Record<Compression, Descriptor>> = {};
  for (const kind of COMPRESSIONS) {
    const value = fields?.object[kind];
    if (value !== undefined) blobs[kind] = descriptorFrom(value, `blobs: ${kind}`);
  }
  return blobs;
}

export function snapshotNameFrom(value: unknown, path: string): SnapshotName {
  if (typeof value !== "string" || !isSnapshotName(value)) throw fieldError(path, "names no snapshot");
  return value;
}

export function chainFrom(value: unknown, path: string): Chain {
  if (!Array.isArray(value)) throw fieldError(path, "is no list of snapshots");
  return value.map((name: unknown) => snapshotNameFrom(name, path));
}
