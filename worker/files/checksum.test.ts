import assert from "node:assert/strict";
import { chmodSync, chownSync, linkSync, renameSync, rmSync, symlinkSync, unlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { Digest } from "../../base/digest.js";
import { sha256Digest } from "../../base/digest.js";
import type { CopyAction } from "../../llb/op.js";
import { loadKernel } from "../../sys/kernel.js";
import type { ChecksumOptions, DigestMemo, SelectionChecksum } from "./checksum.js";
import { fileHasher, selectionChecksum } from "./checksum.js";
import { selectSources } from "./select.js";
import { copyAction, TestFolder } from "./test-folder.js";
import { openDirectoryView } from "./view.js";

const ALL: ChecksumOptions = { owner: true, mode: true, contentsOnly: true };

async function sum(
  folder: TestFolder,
  sources: readonly string[] = ["/d"],
  { options = ALL, action = {} }: { options?: ChecksumOptions; action?: Partial<CopyAction> } = {},
): Promise<SelectionChecksum> {
  using view = openDirectoryView(loadKernel(), folder.path);
  return await selectionChecksum(selectSources(view, copyAction(sources, "/x", action)), options, fileHasher(view));
}

function sample(): TestFolder {
  return new TestFolder({ "d/a": "a", "d/sub/b": "b", "d/link": "-> a", "d/c": "same", "d/e": "same" });
}

const CHANGES: readonly (readonly [what: string, change: (path: (name: string) => string, folder: TestFolder) => void])[] = [
  ["bytes", (at) => writeFileSync(at("d/a"), "A")],
  ["a name", (at) => renameSync(at("d/a"), at("d/z"))],
  ["a mode", (at) => chmodSync(at("d/a"), 0o755)],
  ["a folder's mode", (at) => chmodSync(at("d/sub"), 0o700)],
  ["an owner", (at) => chownSync(at("d/a"), 1, 0)],
  [
    "a link's target",
    (at) => {
      unlinkSync(at("d/link"));
      symlinkSync("c", at("d/link"));
    },
  ],
  [
    "a file for a link",
    (at) => {
      unlinkSync(at("d/link"));
      writeFileSync(at("d/link"), "a");
    },
  ],
  ["a file less", (at) => rmSync(at("d/sub/b"))],
  ["an empty file more", (at) => writeFileSync(at("d/more"), "")],
  ["an xattr", (at) => loadKernel().setXattr(at("d/a"), "user.x", Buffer.from([1, 0xff]))],
  [
    "a hard link in the place of a file",
    (at) => {
      unlinkSync(at("d/e"));
      linkSync(at("d/c"), at("d/e"));
    },
  ],
];

for (const [what, change] of CHANGES) {
  test(`${what}: another checksum`, async () => {
    using folder = sample();
    const before = await sum(folder);
    change((name) => join(folder.path, name), folder);
    assert.notEqual((await sum(folder)).digest, before.digest);
  });
}

const SAME: readonly (readonly [what: string, change: (path: (name: string) => string) => void, options?: ChecksumOptions])[] = [
  ["times", (at) => utimesSync(at("d/a"), 1, 1)],
  ["the name and mode of the folder whose content is copied", (at) => chmodSync(at("d"), 0o700)],
  ["an owner, where owners don't count", (at) => chownSync(at("d/a"), 1, 1), { ...ALL, owner: false }],
  ["a mode, where modes don't count", (at) => chmodSync(at("d/a"), 0o755), { ...ALL, mode: false }],
  ["a host's xattr", (at) => loadKernel().setXattr(at("d/a"), "trusted.overlay.x", Buffer.from("1"))],
];

for (const [what, change, options = ALL] of SAME) {
  test(`${what}: the same checksum`, async () => {
    using folder = sample();
    const before = await sum(folder, ["/d"], { options });
    change((name) => join(folder.path, name));
    assert.equal((await sum(folder, ["/d"], { options })).digest, before.digest);
  });
}

test("what is in a folder may move, a file's name counts", async () => {
  using folder = new TestFolder({ "one/a": "1", "two/deep/a": "1", "f/x": "x", "g/y": "x" });
  assert.equal((await sum(folder, ["/one"])).digest, (await sum(folder, ["/two/deep"])).digest);
  assert.notEqual((await sum(folder, ["/f/x"])).digest, (await sum(folder, ["/g/y"])).digest);
  assert.notEqual(
    (await sum(folder, ["/one"], { options: { ...ALL, contentsOnly: false } })).digest,
    (await sum(folder, ["/two/deep"], { options: { ...ALL, contentsOnly: false } })).digest,
  );
});

test("two sources are not one with the same files", async () => {
  using folder = new TestFolder({ "one/a": "1", "one/b": "2", "p/a": "1", "q/b": "2" });
  assert.notEqual((await sum(folder, ["/one"])).digest, (await sum(folder, ["/p", "/q"])).digest);
});

test("each file is a part, named by its path", async () => {
  using folder = sample();
  const before = await sum(folder);
  assert.deepEqual(
    before.parts.map(({ name }) => name),
    ["a", "c", "e", "link", "sub", "sub/b"],
  );
  writeFileSync(join(folder.path, "d/a"), "A");
  const after = await sum(folder);
  assert.deepEqual(
    after.parts.filter((part, index) => part.value !== before.parts[index]?.value).map(({ name }) => name),
    ["a"],
  );
});

test("a file whose digest is remembered is not read", async () => {
  using folder = sample();
  const known = new Map<string, Digest>();
  const asked: string[] = [];
  const memo: DigestMemo = {
    get: (path) => (asked.push(path), known.get(path)),
    set: (path, _stat, digest) => void known.set(path, digest),
  };
  using view = openDirectoryView(loadKernel(), folder.path);
  const selected = selectSources(view, copyAction(["/d"], "/x"));
  const cold = await selectionChecksum(selected, ALL, fileHasher(view, { memo }));
  assert.equal(known.get("d/a"), sha256Digest("a"));
  const blind = {
    ...view,
    label: "x",
    hasOwners: true,
    lstat: () => undefined,
    list: () => [],
    hiddenBy: () => undefined,
    open: (path: string): number => {
      throw new Error(`read ${path}`);
    },
  };
  assert.equal((await selectionChecksum(selected, ALL, fileHasher(blind, { memo }))).digest, cold.digest);
  assert.equal(asked.length, 8);
});

test("a file that changes after it was selected is an error that names it", async () => {
  using folder = sample();
  using view = openDirectoryView(loadKernel(), folder.path, "the build context");
  const selected = selectSources(view, copyAction(["/d"], "/x"));
  writeFileSync(join(folder.path, "d/a"), "other bytes");
  await assert.rejects(selectionChecksum(selected, ALL, fileHasher(view)), { code: "CONTEXT_CHANGED", message: /"\/d\/a"/ });
});

test("a folder that becomes a link meanwhile is not followed", async () => {
  using folder = sample();
  using canary = new TestFolder({ b: "canary" });
  using view = openDirectoryView(loadKernel(), folder.path);
  const selected = selectSources(view, copyAction(["/d"], "/x"));
  rmSync(join(folder.path, "d/sub"), { recursive: true });
  symlinkSync(canary.path, join(folder.path, "d/sub"));
  await assert.rejects(selectionChecksum(selected, ALL, fileHasher(view)), { code: "CONTEXT_CHANGED", message: /"\/d\/sub\/b"/ });
});

test("hashing ends when it is cancelled", async () => {
  using folder = sample();
  using view = openDirectoryView(loadKernel(), folder.path);
  const selected = selectSources(view, copyAction(["/d"], "/x"));
  await assert.rejects(selectionChecksum(selected, ALL, fileHasher(view), AbortSignal.abort(new Error("stop"))), { message: "stop" });
});
