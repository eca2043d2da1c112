import assert from "node:assert/strict";
import { lstatSync, mkdirSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { sha256Digest } from "../../base/digest.js";
import type { CopyAction, FileAction } from "../../llb/op.js";
import { loadKernel } from "../../sys/kernel.js";
import type { FileActionsRequest, FileActionsResult } from "./apply.js";
import { applyFileActions, NO_NAMES } from "./apply.js";
import { fileHasher, selectionChecksum } from "./checksum.js";
import { selectSources } from "./select.js";
import type { Layout } from "./test-folder.js";
import { copyAction, TestFolder } from "./test-folder.js";
import { openContextView, openDirectoryView } from "./view.js";

const kernel = loadKernel();

async function apply(
  root: TestFolder,
  source: TestFolder,
  actions: readonly FileAction[],
  more: Partial<FileActionsRequest> & { readonly isStage?: boolean } = {},
): Promise<FileActionsResult> {
  const { isStage = false, ...request } = more;
  using view = isStage ? openDirectoryView(kernel, source.path) : openContextView(kernel, source.path, []);
  return await applyFileActions(kernel, { root: root.path, actions, sources: [view], ...NO_NAMES, ...request });
}

interface Case {
  readonly name: string;
  readonly from: Layout;
  readonly root?: Layout;
  readonly copy: CopyAction;
  readonly makes: Record<string, string>;
}

const CASES: readonly Case[] = [
  { name: "a file to a path", from: { a: "A" }, copy: copyAction(["/a"], "/x/y/z"), makes: { x: "dir", "x/y": "dir", "x/y/z": "A" } },
  {
    name: "a trailing slash makes a folder",
    from: { a: "A" },
    copy: copyAction(["/a"], "/e/f/"),
    makes: { e: "dir", "e/f": "dir", "e/f/a": "A" },
  },
  {
    name: "a file into a folder that is there",
    from: { a: "A" },
    root: { "d/": "" },
    copy: copyAction(["/a"], "/d"),
    makes: { d: "dir", "d/a": "A" },
  },
  {
    name: "a folder's content",
    from: { "d/.h": "h", "d/sub/b": "b" },
    copy: copyAction(["/d"], "/x"),
    makes: { x: "dir", "x/.h": "h", "x/sub": "dir", "x/sub/b": "b" },
  },
  {
    name: "the folder itself when asked for",
    from: { "d/a": "a" },
    root: { "x/": "" },
    copy: copyAction(["/d"], "/x", { contentsOnly: false }),
    makes: { x: "dir", "x/d": "dir", "x/d/a": "a" },
  },
  {
    name: "several sources",
    from: { a: "A", "d/b": "B" },
    copy: copyAction(["/a", "/d"], "/x/"),
    makes: { x: "dir", "x/a": "A", "x/b": "B" },
  },
  {
    name: "two sources of one name into a folder: the later one stays",
    from: { "a/f": "first", "b/f": "second" },
    copy: copyAction(["/a/f", "/b/f"], "/x/"),
    makes: { x: "dir", "x/f": "second" },
  },
  {
    name: "two matches of one name into a folder that is there",
    from: { "a/f": "first", "b/f": "second" },
    root: { "x/": "" },
    copy: copyAction(["/*/f"], "/x", { allowWildcard: true }),
    makes: { x: "dir", "x/f": "second" },
  },
  { name: "everything", from: { a: "A", "d/b": "B" }, copy: copyAction(["/"], "/"), makes: { a: "A", d: "dir", "d/b": "B" } },
  {
    name: "merges, files are overwritten",
    from: { "d/a": "new", "d/sub/b": "new" },
    root: { "x/a": "old", "x/keep": "k", "x/sub/b": "old" },
    copy: copyAction(["/d"], "/x"),
    makes: { x: "dir", "x/a": "new", "x/keep": "k", "x/sub": "dir", "x/sub/b": "new" },
  },
  {
    name: "through a link to a folder",
    from: { a: "A" },
    root: { "real/dir/": "", link: "-> /real/dir" },
    copy: copyAction(["/a"], "/link/"),
    makes: { link: "-> /real/dir", real: "dir", "real/dir": "dir", "real/dir/a": "A" },
  },
  {
    name: "through a dangling link, whose target is made",
    from: { a: "A" },
    root: { dang: "-> /made/later" },
    copy: copyAction(["/a"], "/dang/a"),
    makes: { dang: "-> /made/later", made: "dir", "made/later": "dir", "made/later/a": "A" },
  },
  {
    name: "onto a link to a file: the target is replaced",
    from: { a: "A" },
    root: { target: "old", lnk: "-> /target" },
    copy: copyAction(["/a"], "/lnk"),
    makes: { lnk: "-> /target", target: "A" },
  },
  {
    name: "a link in a folder replaces a file",
    from: { "d/l": "-> /keep" },
    root: { "d/l": "old", keep: "k" },
    copy: copyAction(["/d"], "/d"),
    makes: { d: "dir", "d/l": "-> /keep", keep: "k" },
  },
  {
    name: "a file in a folder replaces a link, not its target",
    from: { "d/l": "new" },
    root: { "d/l": "-> /keep", keep: "k" },
    copy: copyAction(["/d"], "/d"),
    makes: { d: "dir", "d/l": "new", keep: "k" },
  },
  {
    name: "a link that was named is copied as what it leads to",
    from: { real: "R", l: "-> real" },
    copy: copyAction(["/l"], "/d/"),
    makes: { d: "dir", "d/l": "R" },
  },
  {
    name: "--link: links in the way become folders",
    from: { a: "A" },
    root: { "real/r": "r", lnk: "-> /real" },
    copy: copyAction(["/a"], "/lnk/a", { followDestinationLinks: false }),
    makes: { lnk: "dir", "lnk/a": "A", real: "dir", "real/r": "r" },
  },
  {
    name: "--link: a file replaces a folder and a folder a file",
    from: { "d/x": "X", "d/y/z": "Z" },
    root: { "d/x/in": "", "d/y": "file" },
    copy: copyAction(["/d"], "/d", { followDestinationLinks: false }),
    makes: { d: "dir", "d/x": "X", "d/y": "dir", "d/y/z": "Z" },
  },
  {
    name: "--parents",
    from: { "etc/sub/b": "b", "etc/no": "n" },
    copy: copyAction(["/etc/sub/b"], "/kept/", { keepParents: true }),
    makes: { kept: "dir", "kept/etc": "dir", "kept/etc/sub": "dir", "kept/etc/sub/b": "b" },
  },
  { name: "a wildcard without match makes nothing", from: { a: "A" }, copy: copyAction(["/zz*"], "/d/"), makes: {} },
  { name: "names that look like whiteouts", from: { "d/.wh.x": "w" }, copy: copyAction(["/d"], "/d"), makes: { d: "dir", "d/.wh.x": "w" } },
];

for (const { name, from, root: layout, copy, makes } of CASES) {
  test(`copy: ${name}`, async () => {
    using source = new TestFolder(from);
    using root = new TestFolder(layout);
    const { digests } = await apply(root, source, [copy]);
    assert.deepEqual(root.read(), makes);
    for (const [path, digest] of digests) assert.equal(digest, sha256Digest(readFileSync(join(root.path, path))), path);
  });
}

const REFUSED: readonly (readonly [name: string, from: Layout, root: Layout, copy: CopyAction, code: string])[] = [
  ["a file over a folder", { "d/x": "X" }, { "d/x/in": "" }, copyAction(["/d"], "/d"), "COPY_CONFLICT"],
  ["a folder over a file", { "d/x/in": "" }, { "d/x": "X" }, copyAction(["/d"], "/d"), "COPY_CONFLICT"],
  ["a folder over a link to a folder", { "d/lib/in": "" }, { lib: "-> usr", "usr/": "" }, copyAction(["/d"], "/"), "COPY_CONFLICT"],
  ["a folder onto a file", { "d/x": "" }, { f: "file" }, copyAction(["/d"], "/f"), "COPY_CONFLICT"],
  ["a file on the way to the destination", { a: "" }, { f: "file" }, copyAction(["/a"], "/f/x"), "NOT_A_FOLDER"],
  ["two files to one", { a: "A", b: "B" }, {}, copyAction(["/a", "/b"], "/one"), "COPY_NEEDS_FOLDER"],
  ["a user name without a passwd file", { a: "A" }, {}, copyAction(["/a"], "/a", { owner: { user: "app" } }), "USER_NOT_FOUND"],
];

for (const [name, from, layout, copy, code] of REFUSED) {
  test(`refused: ${name}`, async () => {
    using source = new TestFolder(from);
    using root = new TestFolder(layout);
    await assert.rejects(apply(root, source, [copy]), { code });
  });
}

test("modes are kept, set-id and sticky bits too; a context's owners are not", async () => {
  using source = new TestFolder({ "d/su": "s", "d/secret": "s", "d/sub/f": "f", "d/st/": "1777" });
  source.chown("d/su", 12, 34).chmod("d/su", 0o4755).chmod("d/secret", 0o600).chmod("d/sub", 0o2700).chmod("d", 0o700);
  using root = new TestFolder();
  await apply(root, source, [copyAction(["/d"], "/d")]);
  assert.deepEqual(
    ["d", "d/su", "d/secret", "d/sub", "d/st"].map((path) => root.meta(path)),
    ["0755 0:0", "4755 0:0", "0600 0:0", "2700 0:0", "1777 0:0"],
  );
});

test("a stage's owners are kept, but folders made on the way are root's", async () => {
  using source = new TestFolder({ "d/f": "f" });
  source.chown("d/f", 1000, 50).chmod("d/f", 0o6755).chown("d", 7, 7);
  using root = new TestFolder();
  await apply(root, source, [copyAction(["/d"], "/n/d")], { isStage: true });
  assert.deepEqual(
    ["n", "n/d", "n/d/f"].map((path) => root.meta(path)),
    ["0755 0:0", "0755 0:0", "6755 1000:50"],
  );
});

test("--chown counts for all that is made, not for folders that were there", async () => {
  using source = new TestFolder({ "d/f": "f", "d/sub/g": "g", "d/l": "-> f" });
  source.chmod("d/f", 0o4755);
  using root = new TestFolder({ "ex/sub/": "", "ex/": "700" });
  await apply(root, source, [
    copyAction(["/d"], "/ex", { owner: { user: "1000", group: "50" } }),
    copyAction(["/d/f"], "/new/deep/f", { owner: { user: "7" } }),
  ]);
  assert.deepEqual(
    ["ex", "ex/f", "ex/sub", "ex/sub/g", "ex/l", "new", "new/deep", "new/deep/f"].map((path) => root.meta(path).replace(/^0777/, "link")),
    ["0700 0:0", "4755 1000:50", "0755 1000:50", "0644 1000:50", "link 1000:50", "0755 7:7", "0755 7:7", "4755 7:7"],
  );
});

test("names of owners are looked up", async () => {
  using source = new TestFolder({ f: "f" });
  using root = new TestFolder();
  const lookups = {
    lookupUser: (name: string) => (name === "app" ? { uid: 1000, gid: 1001 } : undefined),
    lookupGroup: (name: string) => (name === "staff" ? 50 : undefined),
  };
  const owners = [
    { user: "app" },
    { user: "app", group: "staff" },
    { user: "7", group: "staff" },
    { user: "", group: "staff" },
    { user: "app", group: "7" },
  ];
  await apply(
    root,
    source,
    owners.map((owner, index) => copyAction(["/f"], `/${index}`, { owner })),
    lookups,
  );
  assert.deepEqual(
    owners.map((_, index) => root.meta(String(index)).slice(5)),
    ["1000:1001", "1000:50", "7:50", "0:50", "1000:7"],
  );
  await assert.rejects(apply(root, source, [copyAction(["/f"], "/z", { owner: { user: "1", group: "none" } })], lookups), {
    code: "GROUP_NOT_FOUND",
  });
  await assert.rejects(apply(root, source, [copyAction(["/f"], "/z", { owner: { user: "4294967295" } })], lookups), { code: "INVALID_ID" });
});

test("--chmod counts for files and folders, and for those made on the way", async () => {
  using source = new TestFolder({ "d/f": "f", "d/x": "x", "d/sub/g": "g" });
  source.chmod("d/x", 0o755).chmod("d/sub", 0o711);
  using root = new TestFolder();
  await apply(root, source, [
    copyAction(["/d"], "/a", { mode: "750" }),
    copyAction(["/d"], "/b", { mode: "u=rwX,go=rX" }),
    copyAction(["/d/f"], "/c", { mode: "+x" }),
  ]);
  assert.deepEqual(
    ["a", "a/f", "a/sub", "b", "b/f", "b/x", "b/sub", "c"].map((path) => root.meta(path).slice(0, 4)),
    ["0750", "0750", "0750", "0755", "0644", "0755", "0755", "0755"],
  );
});

test("--parents keeps the modes of the folders it brings, and leaves those that were there", async () => {
  using source = new TestFolder({ "x/y/a": "a" });
  source.chmod("x", 0o700).chmod("x/y", 0o711);
  using root = new TestFolder({ "p/x/": "750" });
  await apply(root, source, [copyAction(["/x/y/a"], "/p/", { keepParents: true })]);
  assert.deepEqual(
    ["p/x", "p/x/y"].map((path) => root.meta(path)),
    ["0750 0:0", "0711 0:0"],
  );
});

test("times are kept to the nanosecond, of folders too", async () => {
  using source = new TestFolder({ "d/sub/f": "f", "d/l": "-> f" });
  for (const path of ["d/sub/f", "d/l", "d/sub", "d"]) kernel.setTimes(join(source.path, path), 1n, 1_234_567_890_123_456_789n);
  using root = new TestFolder();
  await apply(root, source, [copyAction(["/d"], "/d")]);
  for (const path of ["d/sub/f", "d/l", "d/sub", "d"])
    assert.equal(lstatSync(join(root.path, path), { bigint: true }).mtimeNs, 1_234_567_890_123_456_789n, path);
});

test("hard links in one source stay linked", async () => {
  using source = new TestFolder({ "d/one": "1", "d/two": "= d/one", "d/sub/three": "= d/one", alone: "= d/one" });
  using root = new TestFolder();
  const { digests } = await apply(root, source, [copyAction(["/d", "/alone"], "/d/")]);
  const inodes = ["one", "two", "sub/three", "alone"].map((name) => lstatSync(join(root.path, "d", name)).ino);
  assert.equal(new Set(inodes.slice(0, 3)).size, 1);
  assert.notEqual(inodes[3], inodes[0]);
  assert.equal(digests.get("d/sub/three"), sha256Digest("1"));
});

test("xattrs that count are copied, and a capability survives --chown", async () => {
  using source = new TestFolder({ "d/f": "f" });
  const capability = Buffer.from("AQAAAgAEAAAAAAAAAAAAAAAAAAA=", "base64");
  kernel.setXattr(join(source.path, "d/f"), "security.capability", capability);
  kernel.setXattr(join(source.path, "d/f"), "user.note", Buffer.from([0xff, 0]));
  kernel.setXattr(join(source.path, "d/f"), "trusted.overlay.origin", Buffer.from("x"));
  using root = new TestFolder();
  await apply(root, source, [copyAction(["/d"], "/d", { owner: { user: "1000" } })]);
  const copied = join(root.path, "d/f");
  assert.deepEqual(kernel.getXattr(copied, "security.capability"), capability);
  assert.deepEqual(kernel.getXattr(copied, "user.note"), Buffer.from([0xff, 0]));
  assert.equal(kernel.getXattr(copied, "trusted.overlay.origin"), undefined);
});

test("devices and fifos are made anew, never read", async () => {
  using source = new TestFolder({ "d/": "" });
  kernel.mknod(join(source.path, "d/null"), 0o020666, 1, 3);
  kernel.mknod(join(source.path, "d/blk"), 0o060640, 259, 300);
  kernel.mknod(join(source.path, "d/pipe"), 0o010620, 0, 0);
  source.chmod("d/pipe", 0o620).chmod("d/null", 0o666);
  using root = new TestFolder();
  await apply(root, source, [copyAction(["/d"], "/d")], { isStage: true });
  for (const name of ["null", "blk"])
    assert.equal(lstatSync(join(root.path, "d", name)).rdev, lstatSync(join(source.path, "d", name)).rdev);
  assert.equal(lstatSync(join(root.path, "d/pipe")).isFIFO(), true);
  assert.deepEqual(
    ["d/null", "d/pipe"].map((path) => root.meta(path)),
    ["0666 0:0", "0620 0:0"],
  );
});

test("large files arrive whole, and holes stay holes", async () => {
  using source = new TestFolder();
  const big = join(source.path, "big");
  writeFileSync(big, Buffer.alloc(3_000_001, "abc"));
  const sparse = join(source.path, "sparse");
  writeFileSync(sparse, "start");
  truncateSync(sparse, 64 * 1024 * 1024);
  using root = new TestFolder();
  const { digests } = await apply(root, source, [copyAction(["/big", "/sparse"], "/d/")]);
  assert.equal(digests.get("d/big"), sha256Digest(readFileSync(big)));
  assert.deepEqual(readFileSync(join(root.path, "d/big")), readFileSync(big));
  const copied = statSync(join(root.path, "d/sparse"));
  assert.equal(copied.size, 64 * 1024 * 1024);
  assert.ok(copied.blocks * 512 < 8 * 1024 * 1024, `${copied.blocks} blocks`);
  assert.equal(digests.get("d/sparse"), sha256Digest(readFileSync(join(root.path, "d/sparse"))));
});

test("bytes that are not those of the key fail the step", async () => {
  using source = new TestFolder({ "d/a": "a", "d/b": "b" });
  using root = new TestFolder();
  const expectedDigests = new Map([
    ["d/a", sha256Digest("a")],
    ["d/b", sha256Digest("before")],
  ]);
  await assert.rejects(apply(root, source, [copyAction(["/d"], "/d")], { expectedDigests }), {
    code: "CONTEXT_CHANGED",
    message: /"\/d\/b"/,
  });
  source.add("d/new", "n");
  await assert.rejects(
    apply(root, source, [copyAction(["/d"], "/e")], {
      expectedDigests: new Map([
        ["d/a", sha256Digest("a")],
        ["d/b", sha256Digest("b")],
      ]),
    }),
    { message: /"\/d\/new"/ },
  );
});

test("a selection that is not that of the key fails the step, also when only a mode or a link moved", async () => {
  using source = new TestFolder({ "d/a": "a", "d/l": "-> a" });
  using view = openContextView(kernel, source.path, []);
  const action = copyAction(["/d"], "/d");
  const options = { owner: false, mode: true, contentsOnly: true };
  const { digest } = await selectionChecksum(selectSources(view, action), options, fileHasher(view));
  using root = new TestFolder();
  await apply(root, source, [action], { expected: [{ ...options, digest }] });
  source.chmod("d/a", 0o600);
  using other = new TestFolder();
  await assert.rejects(apply(other, source, [action], { expected: [{ ...options, digest }] }), { code: "CONTEXT_CHANGED" });
});

test("copying ends when it is cancelled", async () => {
  using source = new TestFolder({ a: "a" });
  using root = new TestFolder();
  await assert.rejects(apply(root, source, [copyAction(["/a"], "/a")], { signal: AbortSignal.abort(new Error("stop")) }), {
    message: "stop",
  });
  assert.deepEqual(root.read(), {});
});

test("made files and folders: mode, owner, time; what is there stays or is replaced", async () => {
  using root = new TestFolder({ "ex/": "700", "real/": "", link: "-> /real", old: "old text" });
  using source = new TestFolder();
  const data = Buffer.from("hi\n").toString("base64");
  await apply(
    root,
    source,
    [
      { type: "makeDir", path: "/ex", mode: "0755", makeParents: true, owner: { user: "7" } },
      { type: "makeDir", path: "/link/sub/dir", mode: "0755", makeParents: true, owner: { user: "7" } },
      { type: "makeFile", path: "/link/f", data, mode: "0640" },
      { type: "makeFile", path: "/old", data, mode: "0600" },
    ],
    { defaultTimestampNs: 5_000_000_000n },
  );
  assert.deepEqual(root.read(), {
    ex: "dir",
    link: "-> /real",
    old: "hi\n",
    real: "dir",
    "real/f": "hi\n",
    "real/sub": "dir",
    "real/sub/dir": "dir",
  });
  assert.deepEqual(
    ["ex", "real/sub", "real/sub/dir", "real/f", "old"].map((path) => root.meta(path)),
    ["0700 0:0", "0755 7:7", "0755 7:7", "0640 0:0", "0600 0:0"],
  );
  assert.deepEqual(
    ["real/sub", "real/f"].map((path) => lstatSync(join(root.path, path)).mtimeMs),
    [5000, 5000],
  );
});

test("a folder can't be made on a file, nor without its parent unless asked", async () => {
  using root = new TestFolder({ file: "x" });
  using source = new TestFolder();
  await assert.rejects(apply(root, source, [{ type: "makeDir", path: "/file", mode: "0755", makeParents: true }]), {
    code: "NOT_A_FOLDER",
    message: /\/file/,
  });
  await assert.rejects(apply(root, source, [{ type: "makeDir", path: "/a/b", mode: "0755", makeParents: false }]), {
    code: "NOT_A_FOLDER",
  });
  await assert.rejects(apply(root, source, [{ type: "makeFile", path: "/a/b", mode: "0644", data: "" }]), { code: "NOT_A_FOLDER" });
});

test("removing: trees, links without their targets, wildcards", async () => {
  using root = new TestFolder({ "d/sub/f": "f", keep: "k", link: "-> keep", "w/a.log": "", "w/b.txt": "" });
  using source = new TestFolder();
  mkdirSync(Buffer.concat([Buffer.from(`${root.path}/d/`), Buffer.from([0xff])]));
  const remove = (path: string, more = {}): FileAction => ({ type: "remove", path, allowMissing: false, allowWildcard: true, ...more });
  await apply(root, source, [remove("/d"), remove("/link"), remove("/w/*.log"), remove("/none", { allowMissing: true })]);
  assert.deepEqual(root.read(), { keep: "k", w: "dir", "w/b.txt": "" });
  await assert.rejects(apply(root, source, [remove("/none")]), { code: "REMOVE_MISSING" });
  await assert.rejects(apply(root, source, [remove("/")]), { code: "REMOVE_ROOT" });
});

test("actions follow each other, and digests are of what is there at the end", async () => {
  using source = new TestFolder({ a: "A" });
  using root = new TestFolder();
  const { digests } = await apply(root, source, [
    copyAction(["/a"], "/x"),
    copyAction(["/a"], "/y"),
    { type: "makeFile", path: "/x", data: Buffer.from("other").toString("base64"), mode: "0644" },
    { type: "remove", path: "/y", allowMissing: false, allowWildcard: false },
  ]);
  assert.deepEqual([...digests], [["x", sha256Digest("other")]]);
});

test("folders are made below the target of a relative link in the root", async () => {
  using source = new TestFolder({ f: "f" });
  using root = new TestFolder({ "usr/lib/": "", lib: "-> usr/lib" });
  await apply(root, source, [copyAction(["/f"], "/lib/x/f")]);
  assert.deepEqual(root.read("usr/lib"), { "usr/lib/x": "dir", "usr/lib/x/f": "f" });
});
