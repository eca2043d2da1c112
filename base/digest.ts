import { hash } from "node:crypto";

/** A content address in the form `sha256:<64 hex digits>` (OCI image-spec, descriptor.md "Digests"). */
export type Digest = string & { readonly __digest: "sha256" };

const DIGEST = /^sha256:[0-9a-f]{64}$/;

export function isDigest(text: string): text is Digest {
  return DIGEST.test(text);
}

/** The SHA-256 of `bytes`. */
export function sha256Digest(bytes: Uint8Array | string): Digest {
  return `sha256:${hash("sha256", bytes, "hex")}` as Digest;
}

export function digestFromHex(hex: string): Digest {
  const text = `sha256:${hex}`;
  if (!isDigest(text)) throw new Error(`Internal error: not a sha256 in hex: ${hex}`);
  return text;
}

/** The 64 hex digits behind the colon: safe as a file name. */
export function digestHex(digest: Digest): string {
  return digest.slice("sha256:".length);
}

/** Anything JSON can say. `undefined` members are left out, as in JSON. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json | undefined };

/** One text for one value: object keys in code-unit order, no blanks. */
export function canonicalJson(value: Json): string {
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  // Lists of strings, environments above all, are most of what is digested: one call writes them as fast as can be.
  if (isArray(value))
    return value.every((item) => typeof item === "string") ? JSON.stringify(value) : `[${value.map(canonicalJson).join(",")}]`;
  let members = "";
  for (const key of Object.keys(value).sort()) {
    const member = value[key];
    if (member !== undefined) members += `${members === "" ? "" : ","}${quotedKey(key)}:${canonicalJson(member)}`;
  }
  return `{${members}}`;
}

/** Nearly all keys are plain words, which need no escapes. */
function quotedKey(key: string): string {
  return /^\w*$/.test(key) ? `"${key}"` : JSON.stringify(key);
}

function isArray(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}

/** The digest of a plain value, independent of the order in which its members were written. */
export function digestOf(value: Json): Digest {
  return sha256Digest(canonicalJson(value));
}
