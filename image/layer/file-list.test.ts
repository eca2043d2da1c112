import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { sha256Digest } from "../../base/digest.js";
import type { FileEntry } from "../types.js";
import { countsAsXattr, decodeFileList, encodeFileList, joinFileLists, joinLayers, treeIdentity } from "./file-list.js";
import { entryOf, shape } from "./testing.js";

const CAPABILITY = { "security.capability": Buffer.from([1, 2, 3, 255]).toString("base64") };
const VARIED: readonly FileEntry[] = [
  entryOf("", { type: "dir", mode: 0o1777, uid: 4294967294, gid: 70000 }),
  entryOf("größe/日本\u{1F600}", { size: 2 ** 45 + 1, digest: sha256Digest("x"), mtimeNs: -1n, xattrs: CAPABILITY }),
  entryOf("not-utf8-\udcff", { type: "symlink", target: "\udc80/b", mtimeNs: 1_700_000_000_123_456_789n }),
  entryOf("null", { type: "char", devMajor: 4095, devMinor: 1048575 }),
  entryOf("opaque", { type: "dir", opaque: true }),
  entryOf("z", { type: "hardlink", target: "größe/日本\u{1F600}", xattrs: { "user.a": "", "user.b": "AA==" } }),
];

test("a list comes back from its bytes as it was", () => {
  assert.deepEqual(decodeFileList(encodeFileList(VARIED)), VARIED);
  assert.deepEqual(decodeFileList(encodeFileList([])), []);
  assert.deepEqual(encodeFileList(VARIED), encodeFileList(structuredClone(VARIED)));
});

test("any changed, missing or added byte is noticed", () => {
  const bytes = encodeFileList(VARIED);
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const broken = Buffer.from(bytes);
      broken[at] = (broken[at] ?? 0) ^ change;
      assert.throws(() => decodeFileList(broken), { code: "FILE_LIST_CORRUPT" });
    }),
  );
  for (const broken of [bytes.subarray(0, -1), Buffer.concat([bytes, Buffer.alloc(1)]), Buffer.alloc(0), Buffer.alloc(64)]) {
    assert.throws(() => decodeFileList(broken), { code: "FILE_LIST_CORRUPT" });
  }
});

test("whiteouts, opaque directories and changed types hide what is below", () => {
  const bottom = [
    entryOf("", { type: "dir" }),
    entryOf("a", { type: "dir" }),
    entryOf("a-b"),
    entryOf("a/x"),
    entryOf("a/y"),
    entryOf("d", { type: "dir" }),
    entryOf("d/e", { type: "dir" }),
    entryOf("d/e/f"),
    entryOf("t", { type: "dir" }),
    entryOf("t/u"),
  ];
  const middle = [
    entryOf("", { type: "dir" }),
    entryOf("a", { type: "dir" }),
    entryOf("a/x", { type: "whiteout" }),
    entryOf("d", { type: "dir", opaque: true }),
    entryOf("d/new"),
    entryOf("t", { type: "symlink", target: "a" }),
  ];
  const top = [
    entryOf("", { type: "dir", mode: 0o700 }),
    entryOf("d", { type: "dir", mode: 0o711 }),
    entryOf("d/top"),
    entryOf("t", { type: "dir" }),
  ];
  assert.deepEqual(shape(joinFileLists([bottom, middle, top])), [
    "/ dir",
    "a dir",
    "a-b file",
    "a/y file",
    "d dir",
    "d/new file",
    "d/top file",
    "t dir",
  ]);
  assert.equal(joinFileLists([bottom, middle, top])[0]?.mode, 0o700);
  assert.deepEqual(shape(joinLayers([middle, top])), ["/ dir", "a dir", "a/x whiteout", "d dir!", "d/new file", "d/top file", "t dir!"]);
});

test("joining layers first and the rest later comes to the same", () => {
  const names = ["a", "a-", "a/b", "a/b/c", "d", "d/b"];
  const kinds = ["dir", "dir", "opaque", "file", "whiteout"] as const;
  const layer = fc
    .tuple(...names.map((name) => fc.option(fc.constantFrom(...kinds)).map((kind) => ({ name, kind }))))
    .map((picks) => layerOf(picks));
  fc.assert(
    fc.property(layer, layer, layer, (a, b, c) => {
      assert.deepEqual(joinFileLists([a, joinLayers([b, c])]), joinFileLists([a, b, c]));
      assert.deepEqual(joinFileLists([joinLayers([a, b]), c]), joinFileLists([a, b, c]));
    }),
  );
});

/** A list in which each entry lies in directories of the same list. */
function layerOf(picks: readonly { readonly name: string; readonly kind: "dir" | "opaque" | "file" | "whiteout" | null }[]): FileEntry[] {
  const list: FileEntry[] = [];
  for (const { name, kind } of picks) {
    const parent = name.includes("/") ? list.find(({ path }) => path === name.slice(0, name.lastIndexOf("/"))) : undefined;
    if (kind === null || (name.includes("/") && parent?.type !== "dir")) continue;
    list.push(kind === "opaque" ? entryOf(name, { type: "dir", opaque: true }) : entryOf(name, { type: kind }));
  }
  return list;
}

test("a hard link whose first name is hidden lives on under its next name", () => {
  const digest = sha256Digest("content");
  const bottom = [
    entryOf("a", { size: 7, digest, mode: 0o755 }),
    entryOf("b", { type: "hardlink", target: "a", mode: 0o755 }),
    entryOf("c", { type: "hardlink", target: "a", mode: 0o755 }),
  ];
  const joined = joinFileLists([bottom, [entryOf("a", { type: "whiteout" })]]);
  assert.deepEqual(joined, [entryOf("b", { size: 7, digest, mode: 0o755 }), entryOf("c", { type: "hardlink", target: "b", mode: 0o755 })]);
});

test("xattrs of this host or this overlay don't count", () => {
  const counts = ["security.capability", "user.mime", "trusted.md5", "user.overlayed"];
  const hosts = ["security.selinux", "security.ima", "system.posix_acl_access", "trusted.overlay.opaque", "user.overlay.redirect"];
  assert.deepEqual([...counts, ...hosts].filter(countsAsXattr), counts);
});

test("the identity depends on all that counts and on nothing else", () => {
  const fields = { owner: false, mtime: () => undefined };
  const base = entryOf("f", { size: 1, digest: sha256Digest("1") });
  const identity = (entry: FileEntry): string => treeIdentity([entry], fields);
  const changes: readonly Partial<FileEntry>[] = [
    { path: "g" },
    { type: "fifo" },
    { mode: 0o600 },
    { size: 2 },
    { digest: sha256Digest("2") },
    { target: "t" },
    { devMajor: 1, devMinor: 2 },
    { xattrs: CAPABILITY },
    { opaque: true },
    { path: "\udcff" },
    { path: "\udcfe" },
  ];
  const all = [base, ...changes.map((change) => ({ ...base, ...change }))].map(identity);
  assert.equal(new Set(all).size, all.length);
  for (const change of [{ uid: 1 }, { gid: 1 }, { mtimeNs: 5n }]) assert.equal(identity({ ...base, ...change }), identity(base));
  assert.notEqual(treeIdentity([{ ...base, uid: 1 }], { ...fields, owner: true }), treeIdentity([base], { ...fields, owner: true }));
  assert.notEqual(treeIdentity([base], { ...fields, mtime: ({ mtimeNs }) => mtimeNs }), identity(base));
});

test("20000 entries are read in milliseconds", () => {
  const list = Array.from({ length: 20_000 }, (_, index) =>
    entryOf(`usr/lib/node_modules/some-package/lib/file-${String(index).padStart(5, "0")}.js`, {
      size: index,
      digest: sha256Digest(String(index)),
    }),
  );
  const bytes = encodeFileList(list);
  let best = Infinity;
  for (let round = 0; round < 8; round++) {
    const before = process.hrtime.bigint();
    assert.equal(decodeFileList(bytes).length, list.length);
    best = Math.min(best, Number(process.hrtime.bigint() - before) / 1e6);
  }
  assert.ok(best < 60, `took ${best} ms`);
});
