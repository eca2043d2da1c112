import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { lstatSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { sha256Digest } from "../../base/digest.js";
import type { TarHeader } from "../../image/layer/tar-header.js";
import { encodeHeader, paddingAfter } from "../../image/layer/tar-header.js";
import type { CopyAction } from "../../llb/op.js";
import { loadKernel } from "../../sys/kernel.js";
import type { FileActionsResult } from "./apply.js";
import { applyFileActions, NO_NAMES } from "./apply.js";
import { compressionOf } from "./archive-stream.js";
import type { Layout } from "./test-folder.js";
import { copyAction, TestFolder } from "./test-folder.js";
import { openContextView } from "./view.js";

type Item = Partial<TarHeader> & { readonly name: string; readonly text?: string };

function tarOf(items: readonly Item[]): Buffer {
  const blocks = items.flatMap(({ text = "", ...header }) => {
    const data = Buffer.from(text);
    return [
      encodeHeader({ typeFlag: "0", mode: 0o644, uid: 0, gid: 0, mtimeNs: 1_500_000_000_000_000_000n, ...header, size: data.length }),
      data,
      Buffer.alloc(paddingAfter(data.length)),
    ];
  });
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

const SAMPLE: readonly Item[] = [
  { name: "./", typeFlag: "5", mode: 0o755, uid: 1000, gid: 50 },
  { name: "./dir/", typeFlag: "5", mode: 0o750, uid: 1000, gid: 50 },
  { name: "./dir/two.txt", mode: 0o600, uid: 1000, gid: 50, text: "two\n" },
  { name: "./link", typeFlag: "2", mode: 0o777, linkName: "one.txt" },
  { name: "./one.txt", text: "one\n" },
];
const UNPACKED = { dir: "dir", "dir/two.txt": "two\n", link: "-> one.txt", "one.txt": "one\n" };

const COMPRESSIONS: Readonly<Record<string, (tar: Buffer) => Buffer>> = {
  plain: (tar) => tar,
  gzip: (tar) => gzipSync(tar),
  bzip2: (tar) => byProgram("bzip2", tar),
  xz: (tar) => byProgram("xz", tar),
  zstd: (tar) => byProgram("zstd", tar),
};

function byProgram(program: string, input: Buffer): Buffer {
  const { stdout, status } = spawnSync(program, ["-c"], { input });
  assert.equal(status, 0);
  return stdout;
}

async function add(root: TestFolder, archive: Buffer, destination: string, more: Partial<CopyAction> = {}): Promise<FileActionsResult> {
  using source = new TestFolder();
  writeFileSync(join(source.path, "file.bin"), archive);
  using view = openContextView(loadKernel(), source.path, []);
  const action = copyAction(["/file.bin"], destination, { unpack: true, ...more });
  return await applyFileActions(loadKernel(), { root: root.path, actions: [action], sources: [view], ...NO_NAMES });
}

async function unpacked(items: readonly Item[], layout: Layout = {}): Promise<TestFolder> {
  const root = new TestFolder(layout);
  try {
    await add(root, tarOf(items), "/");
  } catch (error) {
    root[Symbol.dispose]();
    throw error;
  }
  return root;
}

for (const [name, compress] of Object.entries(COMPRESSIONS)) {
  test(`a ${name} tar is unpacked, whatever its name`, async () => {
    using root = new TestFolder();
    const { digests } = await add(root, compress(tarOf(SAMPLE)), "/u");
    assert.deepEqual(root.read("u"), Object.fromEntries(Object.entries(UNPACKED).map(([path, text]) => [`u/${path}`, text])));
    assert.equal(digests.get("u/dir/two.txt"), sha256Digest("two\n"));
  });

  test(`a ${name} file that holds no tar is copied`, async () => {
    const content = compress(Buffer.from("no tar in here\n".repeat(100)));
    using root = new TestFolder();
    await add(root, content, "/d/");
    assert.deepEqual(readFileSync(join(root.path, "d/file.bin")), content);
  });
}

for (const [name, content] of [
  ["an empty file", ""],
  ["a short file", "x"],
  ["what begins like gzip only", "\x1f\x8b\x08 no"],
  ["what begins like bzip2 only", "BZh91AY no"],
  ["a block of zeros", "\0".repeat(1024)],
] as const) {
  test(`${name} is copied`, async () => {
    using root = new TestFolder();
    await add(root, Buffer.from(content, "latin1"), "/d/");
    assert.equal(readFileSync(join(root.path, "d/file.bin"), "latin1"), content);
  });
}

test("without unpack an archive is a file", async () => {
  using root = new TestFolder();
  await add(root, gzipSync(tarOf(SAMPLE)), "/d/", { unpack: false });
  assert.deepEqual(Object.keys(root.read()), ["d", "d/file.bin"]);
});

test("owners, modes and times are the archive's; the folder that is unpacked into is root's", async () => {
  using root = new TestFolder();
  await add(root, tarOf(SAMPLE), "/o/", { mode: "0777" });
  assert.deepEqual(
    ["o", "o/dir", "o/dir/two.txt", "o/one.txt"].map((path) => root.meta(path)),
    ["0755 0:0", "0750 1000:50", "0600 1000:50", "0644 0:0"],
  );
  assert.equal(lstatSync(join(root.path, "o/dir"), { bigint: true }).mtimeNs, 1_500_000_000_000_000_000n);
});

test("--chown counts for all that is unpacked", async () => {
  using root = new TestFolder();
  await add(root, tarOf([...SAMPLE, { name: "su", mode: 0o4755 }, { name: "no/parent/f" }]), "/o/", { owner: { user: "7", group: "8" } });
  assert.deepEqual(
    ["o", "o/dir", "o/dir/two.txt", "o/su", "o/no/parent"].map((path) => root.meta(path)),
    ["0755 7:8", "0750 7:8", "0600 7:8", "4755 7:8", "0755 7:8"],
  );
});

test("folders are merged and get the archive's mode, all else is replaced", async () => {
  using root = new TestFolder({
    "m/dir/keep": "keep",
    "m/one.txt": "old",
    "m/link/": "",
    "m/link/in": "x",
    target: "t",
    "m/dir/two.txt": "-> /target",
  });
  root.chmod("m/dir", 0o700);
  await add(root, tarOf(SAMPLE), "/m/");
  assert.deepEqual(root.read(), {
    m: "dir",
    "m/dir": "dir",
    "m/dir/keep": "keep",
    "m/dir/two.txt": "two\n",
    "m/link": "-> one.txt",
    "m/one.txt": "one\n",
    target: "t",
  });
  assert.equal(root.meta("m/dir"), "0750 0:0".replace("0:0", "1000:50"));
});

test("hard links, fifos, setuid files, names in unicode and bytes, missing parents", async () => {
  using root = await unpacked([
    { name: "no/parent/f", text: "implied" },
    { name: "hl1", text: "hard" },
    { name: "hl2", typeFlag: "1", linkName: "hl1" },
    { name: "fifo", typeFlag: "6", mode: 0o600 },
    { name: "su", mode: 0o4755, uid: 1000, gid: 1000 },
    { name: "grün/ß.txt", mode: 0o640 },
    { name: "null", typeFlag: "3", mode: 0o666, devMajor: 1, devMinor: 3 },
  ]);
  assert.equal(lstatSync(join(root.path, "hl1")).ino, lstatSync(join(root.path, "hl2")).ino);
  assert.equal(lstatSync(join(root.path, "fifo")).isFIFO(), true);
  assert.equal(lstatSync(join(root.path, "null")).rdev, lstatSync("/dev/null").rdev);
  assert.deepEqual(
    ["no/parent", "su", "grün", "grün/ß.txt"].map((path) => root.meta(path)),
    ["0755 0:0", "4755 1000:1000", "0755 0:0", "0640 0:0"],
  );
});

test("a capability in an archive is kept, byte for byte", async () => {
  const value = "AQAAAoCAAAAAAAAAAAAAAAAAAAA=";
  using root = await unpacked([{ name: "cap", mode: 0o755, uid: 5, xattrs: { "security.capability": value } }]);
  assert.equal(loadKernel().getXattr(join(root.path, "cap"), "security.capability")?.toString("base64"), value);
});

test("a broken archive is an error that names the file", async () => {
  using root = new TestFolder();
  const tar = tarOf([{ name: "big", text: "x".repeat(200_000) }]);
  for (const [name, archive] of [
    ["plain", tar.subarray(0, 100_000)],
    ["gzip", gzipSync(tar).subarray(0, -20)],
    ["xz", byProgram("xz", tar).subarray(0, -20)],
  ] as const) {
    await assert.rejects(add(root, archive, `/${name}`), { code: "ARCHIVE_BROKEN" }, name);
  }
});

const ESCAPES: readonly (readonly [name: string, items: readonly Item[]])[] = [
  ["a name with ..", [{ name: "../evil", text: "x" }]],
  ["a name with .. in the middle", [{ name: "a/../../evil", text: "x" }]],
  ["a hard link to ..", [{ name: "h", typeFlag: "1", linkName: "../canary" }]],
  ["a hard link to an absolute name outside", [{ name: "h", typeFlag: "1", linkName: "CANARY/secret" }]],
  [
    "a hard link through a link",
    [
      { name: "l", typeFlag: "2", linkName: "CANARY" },
      { name: "h", typeFlag: "1", linkName: "l/secret" },
    ],
  ],
];

for (const [name, items] of ESCAPES) {
  test(`hostile archive: ${name} is refused`, async () => {
    using canary = new TestFolder({ secret: "canary" });
    const real = items.map((item) =>
      item.linkName === undefined ? item : { ...item, linkName: item.linkName.replace("CANARY", canary.path) },
    );
    await assert.rejects(
      unpacked(real),
      (error: Error & { code?: string }) => error.code === "ARCHIVE_UNSAFE" || error.code === "ARCHIVE_BROKEN",
    );
    assert.equal(lstatSync(join(canary.path, "secret")).nlink, 1);
  });
}

test("hostile archive: links in it lead nowhere but into the root", async () => {
  using canary = new TestFolder({ passwd: "canary" });
  const items: readonly Item[] = [
    { name: "etc", typeFlag: "2", linkName: canary.path },
    { name: "etc/passwd", text: "evil" },
    { name: "up", typeFlag: "2", linkName: "../../../../../../../.." },
    { name: `up${canary.path}/passwd`, text: "evil" },
    { name: "p", typeFlag: "2", linkName: `${canary.path}/passwd` },
    { name: "p", text: "evil" },
    { name: "magic", typeFlag: "2", linkName: "/proc/self/root" },
    { name: `magic${canary.path}/passwd`, text: "evil" },
  ];
  using root = await unpacked(items);
  assert.deepEqual(canary.read(), { passwd: "canary" });
  assert.equal(readFileSync(join(root.path, canary.path, "passwd"), "utf8"), "evil");
  assert.equal(readFileSync(join(root.path, "p"), "utf8"), "evil");
  assert.equal(readlinkSync(join(root.path, "etc")), canary.path);
});

test("an archive behind a link in the context can't be one outside of it", async () => {
  using outside = new TestFolder();
  writeFileSync(join(outside.path, "a.tar"), tarOf(SAMPLE));
  using source = new TestFolder();
  symlinkSync(join(outside.path, "a.tar"), join(source.path, "l.tar"));
  using view = openContextView(loadKernel(), source.path, []);
  using root = new TestFolder();
  const request = { root: root.path, actions: [copyAction(["/l.tar"], "/u", { unpack: true })], sources: [view], ...NO_NAMES };
  await assert.rejects(applyFileActions(loadKernel(), request), { code: "COPY_SOURCE_MISSING" });
});

test("compressions are told by the first bytes", () => {
  assert.deepEqual(
    Object.values(COMPRESSIONS).map((compress) => compressionOf(compress(Buffer.alloc(10)))),
    ["none", "gzip", "bzip2", "xz", "zstd"],
  );
});
