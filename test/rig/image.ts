/** Reads an OCI image layout without the program's own code, and proves every digest, size and diffID in it. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { extract, type Header } from "tar-stream";
import { decompress } from "zstd-napi";

export interface TarEntry {
  readonly header: Header;
  readonly content: Buffer;
}

export interface ValidImage {
  /** The digest of the config. */
  readonly id: string;
  readonly manifestDigest: string;
  readonly config: ImageConfig;
  /** Bottom first, in the order of the tar. */
  readonly layers: readonly (readonly TarEntry[])[];
}

export interface ImageConfig {
  readonly architecture: string;
  readonly os: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly rootfs: { readonly type: string; readonly diff_ids: readonly string[] };
  readonly history: readonly { readonly empty_layer?: boolean; readonly created_by?: string; readonly created?: string }[];
}

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

/** Every image of the layout in `folder`. No blob may lie there that no image needs. */
export async function validateLayout(folder: string): Promise<readonly ValidImage[]> {
  assert.equal(readJson<{ imageLayoutVersion: string }>(join(folder, "oci-layout")).imageLayoutVersion, "1.0.0");
  const used = new Set<string>();
  const blob = (descriptor: Descriptor): Buffer => {
    used.add(descriptor.digest);
    return checkedBlob(folder, descriptor);
  };
  const index = readJson<{ manifests: Descriptor[] }>(join(folder, "index.json"));
  const images: ValidImage[] = [];
  for (const descriptor of index.manifests.flatMap((entry) => flatten(entry, blob))) images.push(await validateManifest(descriptor, blob));
  const there = readdirSync(join(folder, "blobs/sha256")).map((hex) => `sha256:${hex}`);
  assert.deepEqual(
    there.filter((digest) => !used.has(digest)),
    [],
    "blobs that nothing names",
  );
  return images;
}

/** The one image of the layout in `folder`. */
export async function validateImage(folder: string): Promise<ValidImage> {
  const [image, ...others] = await validateLayout(folder);
  assert.ok(image !== undefined && others.length === 0, "one image");
  return image;
}

function flatten(descriptor: Descriptor, blob: (descriptor: Descriptor) => Buffer): readonly Descriptor[] {
  if (!/index|manifest\.list/.test(descriptor.mediaType)) return [descriptor];
  const index = JSON.parse(blob(descriptor).toString("utf8")) as { manifests: Descriptor[] };
  return index.manifests.flatMap((entry) => flatten(entry, blob));
}

async function validateManifest(descriptor: Descriptor, blob: (descriptor: Descriptor) => Buffer): Promise<ValidImage> {
  const manifest = JSON.parse(blob(descriptor).toString("utf8")) as { config: Descriptor; layers: Descriptor[] };
  const config = JSON.parse(blob(manifest.config).toString("utf8")) as ImageConfig;
  const tars = manifest.layers.map((layer) => uncompressed(blob(layer)));
  assert.deepEqual(tars.map(sha256), config.rootfs.diff_ids, "diffIDs");
  const made = config.history.filter((entry) => entry.empty_layer !== true).length;
  assert.equal(made, tars.length, "as many layers in the history as there are");
  const layers = await Promise.all(tars.map(readTar));
  return { id: manifest.config.digest, manifestDigest: descriptor.digest, config, layers };
}

function checkedBlob(folder: string, { digest, size }: Descriptor): Buffer {
  const bytes = readFileSync(join(folder, "blobs", ...digest.split(":")));
  assert.equal(bytes.length, size, `size of ${digest}`);
  assert.equal(sha256(bytes), digest);
  return bytes;
}

function uncompressed(bytes: Buffer): Buffer {
  if (bytes.readUInt16BE(0) === 0x1f8b) return gunzipSync(bytes);
  return bytes.readUInt32LE(0) === 0xfd2fb528 ? decompress(bytes) : bytes;
}

export async function readTar(bytes: Buffer): Promise<readonly TarEntry[]> {
  const entries: TarEntry[] = [];
  const tar = extract();
  tar.end(bytes);
  for await (const entry of tar) {
    const chunks: Buffer[] = [];
    for await (const chunk of entry) chunks.push(chunk as Buffer);
    entries.push({ header: entry.header, content: Buffer.concat(chunks) });
  }
  return entries;
}

/** The image's files by path without leading slash: the layers applied one after another. */
export function filesOf(image: ValidImage): ReadonlyMap<string, TarEntry> {
  const files = new Map<string, TarEntry>();
  const removeBelow = (folder: string): void => {
    for (const path of files.keys()) if (path.startsWith(`${folder}/`)) files.delete(path);
  };
  for (const layer of image.layers) {
    for (const entry of layer.filter(({ header }) => isWhiteout(header.name))) {
      const path = clean(entry.header.name);
      const [folder, name] = [path.slice(0, Math.max(0, path.lastIndexOf("/"))), path.slice(path.lastIndexOf("/") + 1)];
      if (name === ".wh..wh..opq") removeBelow(folder);
      else {
        const hidden = [folder, name.slice(".wh.".length)].filter((part) => part !== "").join("/");
        files.delete(hidden);
        removeBelow(hidden);
      }
    }
    for (const entry of layer.filter(({ header }) => !isWhiteout(header.name))) {
      const path = clean(entry.header.name);
      if (entry.header.type !== "directory") removeBelow(path);
      files.set(path, entry);
    }
  }
  return files;
}

/** A line per file, times aside: to compare images that were built at different times. */
export function listing(image: ValidImage): readonly string[] {
  return [...filesOf(image)]
    .map(([path, { header, content }]) => {
      const { type, mode, uid, gid, linkname } = header;
      return `${path} ${type} ${(mode ?? 0).toString(8)} ${uid}:${gid} ${linkname ?? ""} ${type === "file" ? sha256(content) : ""}`;
    })
    .toSorted();
}

/** The config without times and without what follows from them. */
export function timelessConfig({ config }: ValidImage): unknown {
  const history = config.history.map(({ created: _, ...entry }) => entry);
  return { architecture: config.architecture, os: config.os, config: config.config, layers: config.rootfs.diff_ids.length, history };
}

export function sha256(bytes: Uint8Array): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

function isWhiteout(name: string): boolean {
  return /(^|\/)\.wh\.[^/]*$/.test(name);
}

function clean(name: string): string {
  return name.replace(/^(\.?\/)+/, "").replace(/\/+$/, "");
}

function readJson<T>(path: string): T {
  return JSON.parse(readFileSync(path, "utf8")) as T;
}
