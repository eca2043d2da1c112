/** What is known of a file behind an address since it was last fetched. Its bytes are a blob; without that the record says nothing. */
import { hash } from "node:crypto";
import type { Digest } from "../base/digest.js";
import { isDigest } from "../base/digest.js";
import { type Fields, optionalString, requiredString } from "../image/json-fields.js";
import { readRecord, writeRecord } from "./record-file.js";
import type { Store } from "./store.js";

export interface HttpRecord {
  readonly url: string;
  readonly digest: Digest;
  /** As the server sent them, to be sent back: has it changed? */
  readonly etag?: string | undefined;
  readonly lastModified?: string | undefined;
}

export function readHttpRecord(store: Store, url: string): HttpRecord | undefined {
  const record = readRecord(pathOf(store, url), recordFrom)?.value;
  return record?.url === url ? record : undefined;
}

export function writeHttpRecord(store: Store, { url, digest, etag, lastModified }: HttpRecord): void {
  writeRecord(pathOf(store, url), { url, digest, etag, lastModified }, { stamp: store.durability.now(), temporary: store.temp.name() });
}

function pathOf(store: Store, url: string): string {
  return store.path("http", hash("sha256", url).slice(0, 40));
}

function recordFrom(fields: Fields): HttpRecord {
  const digest = requiredString(fields, "digest");
  if (!isDigest(digest)) throw new Error("not a digest");
  return {
    url: requiredString(fields, "url"),
    digest,
    etag: optionalString(fields, "etag"),
    lastModified: optionalString(fields, "lastModified"),
  };
}
