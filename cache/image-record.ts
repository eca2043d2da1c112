import type { Json } from "../base/digest.js";
import { optionalInteger, requiredDigest, requiredString } from "../image/json-fields.js";
import type { Fields } from "../image/json-fields.js";
import { descriptorFrom } from "../image/parse.js";
import { descriptorJson } from "../image/write.js";
import { chainFrom } from "./snapshot-meta.js";
import type { ImageRecord } from "./types.js";

export interface NamedImage {
  readonly name: string;
  readonly record: ImageRecord;
}

export function namedImageJson({ name, record }: NamedImage): Json {
  const { id, target, manifest, chain, createdAtMs } = record;
  return { name, id, target: descriptorJson(target), manifest, chain, createdAtMs: Math.round(createdAtMs) };
}

/** @throws {TsbuildError} for any other shape */
export function namedImageFrom(fields: Fields): NamedImage {
  const chain = fields.object["chain"];
  return {
    name: requiredString(fields, "name"),
    record: {
      id: requiredDigest(fields, "id"),
      target: descriptorFrom(fields.object["target"], "record: target"),
      manifest: requiredDigest(fields, "manifest"),
      ...(chain === undefined ? {} : { chain: chainFrom(chain, "chain") }),
      createdAtMs: optionalInteger(fields, "createdAtMs") ?? 0,
    },
  };
}
