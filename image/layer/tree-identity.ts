import { createHash } from "node:crypto";
import type { Digest } from "../../base/digest.js";
import { digestFromHex } from "../../base/digest.js";
import { encodePath } from "../../base/path-bytes.js";
import type { FileEntry, FileList } from "../types.js";

export interface IdentityFields {
  /** Whether uid and gid count. */
  readonly owner: boolean;
  /** The modification time where it counts, undefined where it doesn't. */
  readonly mtime: (entry: FileEntry) => bigint | undefined;
}

const FLUSH_CHARACTERS = 1 << 16;

/**
 * A digest over what the list says of its tree: path, type, mode, size, digest, target, device, xattrs, whiteouts
 * and opaque marks always, owner and times as told. Lists are compared entry by entry, so both must be in byte order.
 */
export function treeIdentity(list: FileList, fields: IdentityFields): Digest {
  const hash = createHash("sha256").update("tsbuild tree 1\0");
  let text = "";
  for (const entry of list) {
    text += identityRecord(entry, fields);
    if (text.length < FLUSH_CHARACTERS) continue;
    hash.update(encodePath(text));
    text = "";
  }
  return digestFromHex(hash.update(encodePath(text)).digest("hex"));
}

/** Fields end with NUL, which none of them can contain, and their number is fixed: no two entries read alike. */
function identityRecord(entry: FileEntry, fields: IdentityFields): string {
  const owner = fields.owner ? `${entry.uid}:${entry.gid}` : "";
  const device = entry.devMajor === undefined ? "" : `${entry.devMajor}:${entry.devMinor ?? 0}`;
  return `${entry.path}\0${entry.type}${entry.opaque === true ? "!" : ""}\0${entry.mode}\0${owner}\0${entry.size}\0${entry.digest ?? ""}\0${entry.target ?? ""}\0${device}\0${fields.mtime(entry) ?? ""}\0${xattrFields(entry.xattrs)}`;
}

function xattrFields(xattrs: FileEntry["xattrs"]): string {
  if (xattrs === undefined) return "0\0";
  const pairs = Object.entries(xattrs);
  return `${pairs.length}\0${pairs.map(([name, value]) => `${name}\0${value}\0`).join("")}`;
}
