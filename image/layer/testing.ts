/** What the tests of this folder share: trees, tars made by hand, temporary folders. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { FileEntry } from "../types.js";
import type { TarHeader } from "./tar-header.js";
import { encodeHeader, paddingAfter } from "./tar-header.js";

/** A folder that goes away with the test. */
export function temporaryDir(context: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), "tsbuild-layer-"));
  context.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

export interface HandEntry extends Partial<TarHeader> {
  readonly name: string;
  readonly content?: string | Buffer;
}

/** A tar of just these entries: files unless they say otherwise. */
export function handTar(entries: readonly HandEntry[]): Buffer {
  const parts = entries.map((entry) => {
    const content = Buffer.from(entry.content ?? "");
    const header = encodeHeader({
      typeFlag: "0",
      mode: entry.typeFlag === "5" ? 0o755 : 0o644,
      uid: 0,
      gid: 0,
      size: content.length,
      mtimeNs: 1_000_000_000n,
      ...entry,
    });
    return Buffer.concat([header, content, Buffer.alloc(paddingAfter(content.length))]);
  });
  return Buffer.concat([...parts, Buffer.alloc(1024)]);
}

/** Writes a tar, whole or changed, to a file and returns its path. */
export function blobOf(context: TestContext, bytes: Buffer): string {
  const path = join(temporaryDir(context), "blob");
  writeFileSync(path, bytes);
  return path;
}

export function entryOf(path: string, more: Partial<FileEntry> = {}): FileEntry {
  return { path, type: "file", mode: 0o644, uid: 0, gid: 0, size: 0, mtimeNs: 0n, ...more };
}

/** `path type` for each entry, with a mark for opaque directories and an arrow for targets. */
export function shape(list: readonly FileEntry[]): string[] {
  return list.map(
    ({ path, type, opaque, target }) =>
      `${path === "" ? "/" : path} ${type}${opaque === true ? "!" : ""}${target === undefined ? "" : ` -> ${target}`}`,
  );
}
