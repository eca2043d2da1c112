/** A base image from an OCI layout on disk: `oci-layout://FOLDER@sha256:…` or `oci-layout://FOLDER:TAG`. */
import { type Digest, isDigest } from "../base/digest.js";
import { TsbuildError } from "../base/errors.js";
import type { Platform } from "../base/platform.js";
import type { Store } from "../cache/store.js";
import type { ResolvedImage } from "../frontend/compile/types.js";
import { importOciLayout } from "../image/layout.js";
import { parseImageConfig } from "../image/parse-config.js";
import { parseManifestOrIndex } from "../image/parse.js";
import { chooseForPlatform } from "../image/pull.js";

const SCHEME = "oci-layout://";

/** Copies the layout's blobs into the store. @throws {TsbuildError} IMAGE_NOT_FOUND, ARCHIVE_INVALID, BLOB_MISMATCH */
export async function resolveLayout(store: Store, text: string, platform: Platform, signal: AbortSignal): Promise<ResolvedImage> {
  const { path, digest, tag } = splitLayout(text.slice(SCHEME.length));
  const images = await importOciLayout({ source: { type: "dir", path }, store: store.content, signal });
  const found = images.find((image) =>
    digest === undefined ? tag === undefined || endsWithTag(image.name, tag) : image.descriptor.digest === digest,
  );
  const top = digest ?? found?.descriptor.digest;
  if (top === undefined || (await store.content.size(top)) === undefined) {
    throw new TsbuildError("IMAGE_NOT_FOUND", `the OCI layout ${path} has no image ${digest ?? tag ?? ""}`, {
      hint: "its index.json lists what it has",
    });
  }
  const manifest = await manifestOf(store, top, platform, text);
  const parsed = parseManifestOrIndex(await store.content.read(manifest));
  if (parsed.type !== "manifest") throw new TsbuildError("IMAGE_INVALID", `${text}: ${manifest} is not an image manifest`);
  const config = parseImageConfig(await store.content.read(parsed.manifest.config.digest));
  return { ref: `${SCHEME}${path}@${top}`, manifest, config };
}

async function manifestOf(store: Store, top: Digest, platform: Platform, name: string): Promise<Digest> {
  const parsed = parseManifestOrIndex(await store.content.read(top));
  return parsed.type === "manifest" ? top : chooseForPlatform(parsed.index, platform, name).digest;
}

function splitLayout(text: string): { readonly path: string; readonly digest?: Digest; readonly tag?: string } {
  const at = text.lastIndexOf("@");
  const digest = at < 0 ? "" : text.slice(at + 1);
  if (isDigest(digest)) return { path: withoutTag(text.slice(0, at)).path, digest };
  return withoutTag(text);
}

function withoutTag(text: string): { readonly path: string; readonly tag?: string } {
  const colon = text.lastIndexOf(":");
  return colon > text.lastIndexOf("/") ? { path: text.slice(0, colon), tag: text.slice(colon + 1) } : { path: text };
}

function endsWithTag(name: string | undefined, tag: string): boolean {
  return name === tag || name?.endsWith(`:${tag}`) === true;
}
