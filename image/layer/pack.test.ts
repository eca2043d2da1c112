import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  chownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { sha256Digest } from "../../base/digest.js";
import { encodePath } from "../../base/path-bytes.js";
import { loadKernel } from "../../sys/kernel.js";
import type { FileEntry } from "../types.js";
import { compressLayer, packLayer, scanAndDigest, scanUpper } from "./pack.js";
import { scanDirectory } from "./scan.js";
import { decimalTime } from "./tar-header.js";
import { shape, temporaryDir } from "./testing.js";
import { fixImpliedDirs, unpackLayer } from "./unpack.js";

const kernel = loadKernel();
const MTIME = 1_600_000_000_123_456_789n;
/** VFS_CAP_REVISION_2 with cap_net_raw (linux/capability.h). */
const CAPABILITY = Buffer.from("0100000200200000000000000000000000000000", "hex");

/** One of everything, as an overlay upper. */
function makeUpper(context: TestContext): string {
  const dir = join(temporaryDir(context), "upper");
  const at = (name: string): string => join(dir, name);
  mkdirSync(at("sub/empty"), { recursive: true });
  mkdirSync(at("opaque"));
  mkdirSync(at("sub-sibling"));
  writeFileSync(at("opaque/inside"), "inside");
  writeFileSync(at("sub/file"), "hello");
  writeFileSync(at("sub/largest"), Buffer.alloc(700_001, "tsbuild"));
  writeFileSync(at("empty"), "");
  writeFileSync(at("setuid"), "#!");
  chownSync(at("setuid"), 3_000_000, 2_100_000);
  chmodSync(at("setuid"), 0o6755);
  kernel.setXattr(at("setuid"), "security.capability", CAPABILITY);
  kernel.setXattr(at("setuid"), "user.note", Buffer.from("a\nb=c\0d"));
  linkSync(at("sub/file"), at("another-name"));
  symlinkSync("x".repeat(180) + "/ü", at("long-link"));
  symlinkSync("../..", at("sub/link"));
  const deep = `${"d".repeat(120)}/${"e".repeat(120)}/${"f".repeat(120)}`;
  mkdirSync(at(deep), { recursive: true });
  writeFileSync(at(`${deep}/ünïcödé-日本`), "deep");
  writeFileSync(Buffer.concat([Buffer.from(`${dir}/raw-`), Buffer.from([0xff, 0xfe])]), "raw");
  kernel.mknod(at("fifo"), 0o010644, 0, 0);
  kernel.mknod(at("tty"), 0o020620, 5, 300);
  kernel.mknod(at("disk"), 0o060660, 259, 70_000);
  kernel.mknod(at("gone"), 0o020000, 0, 0);
  kernel.setXattr(at("opaque"), "trusted.overlay.opaque", Buffer.from("y"));
  for (const { path } of scanDirectory(kernel, dir, { overlayUpper: true, hashFiles: false }).reverse()) {
    kernel.setTimes(encodePath(`${dir}/${path}`), MTIME, MTIME + BigInt(path.length));
  }
  return dir;
}

function packed(dir: string, list: readonly FileEntry[], options: { readonly rewriteTimestampSec?: number } = {}): Buffer {
  const parts: Buffer[] = [];
  packLayer(kernel, dir, list, { write: (bytes) => void parts.push(Buffer.from(bytes)) }, options);
  return Buffer.concat(parts);
}

async function roundTrip(
  context: TestContext,
  blob: Buffer,
): Promise<{ readonly dest: string; readonly unpacked: Awaited<ReturnType<typeof unpackLayer>> }> {
  const base = temporaryDir(context);
  const dest = join(base, "dest");
  mkdirSync(dest);
  writeFileSync(join(base, "blob"), blob);
  return {
    dest,
    unpacked: await unpackLayer(kernel, {
      blobPath: join(base, "blob"),
      mediaType: "application/vnd.oci.image.layer.v1.tar",
      destDir: dest,
    }),
  };
}

const rootless = (list: readonly FileEntry[]): FileEntry[] => list.filter(({ path }) => path !== "");

test("what is packed, unpacked and scanned again is what it was", async (context) => {
  const upper = makeUpper(context);
  const { list, diffId, tarSizeBytes, isEmpty } = scanAndDigest(kernel, upper);
  const tar = packed(upper, list);
  assert.equal(diffId, sha256Digest(tar));
  assert.equal(tarSizeBytes, tar.length);
  assert.equal(isEmpty, false);
  const { dest, unpacked } = await roundTrip(context, tar);
  assert.equal(unpacked.diffId, diffId);
  assert.equal(unpacked.needsParents, false);
  assert.deepEqual(unpacked.impliedDirs, [""]);
  assert.deepEqual(rootless(unpacked.list), rootless(list));
  assert.deepEqual(rootless(scanDirectory(kernel, dest, { overlayUpper: true, hashFiles: true })), rootless(list));
  assert.deepEqual(packed(dest, unpacked.list), tar);
  assert.equal(statSync(join(dest, "another-name")).ino, statSync(join(dest, "sub/file")).ino);
  assert.equal(lstatSync(join(dest, "tty")).rdev, lstatSync(join(upper, "tty")).rdev);
  assert.equal(lstatSync(join(dest, "setuid"), { bigint: true }).mtimeNs, MTIME + 6n);
});

test("the list says what there is, in byte order", (context) => {
  const upper = makeUpper(context);
  const { list } = scanUpper(kernel, upper);
  const short = shape(list).filter((line) => line.length < 60);
  assert.deepEqual(short, [
    "/ dir",
    "another-name file",
    "disk block",
    "empty file",
    "fifo fifo",
    "gone whiteout",
    "opaque dir!",
    "opaque/inside file",
    "raw-\udcff\udcfe file",
    "setuid file",
    "sub dir",
    "sub-sibling dir",
    "sub/empty dir",
    "sub/file hardlink -> another-name",
    "sub/largest file",
    "sub/link symlink -> ../..",
    "tty char",
  ]);
  const setuid = list.find(({ path }) => path === "setuid");
  assert.deepEqual(setuid?.xattrs, {
    "security.capability": CAPABILITY.toString("base64"),
    "user.note": Buffer.from("a\nb=c\0d").toString("base64"),
  });
  assert.equal(setuid?.mode, 0o6755);
  assert.deepEqual(list, scanAndDigest(kernel, upper).list);
});

test("a known digest is taken instead of reading the file", (context) => {
  const upper = makeUpper(context);
  const known = sha256Digest("pretended");
  const { list } = scanUpper(kernel, upper, {
    reuse: (path, stat) => (path === "sub/largest" && stat.size === 700_001n ? known : undefined),
  });
  assert.equal(list.find(({ path }) => path === "sub/largest")?.digest, known);
  assert.notEqual(list.find(({ path }) => path === "setuid")?.digest, known);
});

test("the system's tar reads what is packed", (context) => {
  const upper = makeUpper(context);
  const base = temporaryDir(context);
  writeFileSync(join(base, "layer.tar"), packed(upper, scanUpper(kernel, upper).list));
  mkdirSync(join(base, "out"));
  execFileSync("tar", [
    "--xattrs",
    "--xattrs-include=*",
    "--numeric-owner",
    "--delay-directory-restore",
    "-xpf",
    join(base, "layer.tar"),
    "-C",
    join(base, "out"),
  ]);
  const scanned = (dir: string): unknown[] =>
    rootless(scanDirectory(kernel, dir, { overlayUpper: true, hashFiles: true }))
      .filter(({ path, type }) => type !== "whiteout" && !path.includes(".wh."))
      .map(({ opaque: _, ...rest }) => rest);
  assert.deepEqual(scanned(join(base, "out")), scanned(upper));
  assert.ok(lstatSync(join(base, "out/.wh.gone")).isFile());
  assert.ok(lstatSync(join(base, "out/opaque/.wh..wh..opq")).isFile());
});

for (const format of ["gnu", "pax", "ustar"] as const) {
  test(`a ${format} tar of the system's tar is unpacked as it was packed`, async (context) => {
    const upper = makeUpper(context);
    const base = temporaryDir(context);
    const excluded = ["gone", "opaque", ...(format === "ustar" ? ["d".repeat(120), "long-link", "raw-*", "setuid", "disk"] : [])];
    execFileSync("tar", [
      `--format=${format}`,
      ...(format === "pax" ? ["--xattrs", "--xattrs-include=*"] : []),
      ...excluded.map((name) => `--exclude=./${name}`),
      "-cf",
      join(base, "t.tar"),
      "-C",
      upper,
      ".",
    ]);
    const { dest, unpacked } = await roundTrip(context, readFileSync(join(base, "t.tar")));
    const isIn = ({ path }: FileEntry): boolean =>
      !excluded.some((name) => path === name || path.startsWith(`${name}/`) || (name === "raw-*" && path.startsWith("raw-")));
    const expected = scanUpper(kernel, upper)
      .list.filter(isIn)
      .map((entry) => (format === "pax" ? entry : inWholeSeconds(entry)));
    assert.deepEqual(unpacked.list.map(format === "pax" ? (entry) => entry : inWholeSeconds), expected);
    assert.deepEqual(unpacked.impliedDirs, []);
    assert.deepEqual(
      scanDirectory(kernel, dest, { overlayUpper: true, hashFiles: true }).map(({ mtimeNs: _, ...entry }) => entry),
      unpacked.list.map(({ mtimeNs: _, ...entry }) => entry),
    );
  });
}

function inWholeSeconds({ xattrs: _, ...entry }: FileEntry): FileEntry {
  return { ...entry, mtimeNs: entry.mtimeNs - (entry.mtimeNs % 1_000_000_000n) };
}

for (const compression of ["none", "gzip", "zstd"] as const) {
  test(`a layer compressed with ${compression} unpacks to the same, and its bytes are always the same`, async (context) => {
    const upper = makeUpper(context);
    writeFileSync(
      join(upper, "big"),
      Buffer.concat(
        Array.from({ length: 6000 }, (_, index) =>
          createHash("sha512")
            .update(String(index % 4000))
            .digest(),
        ),
      )
        .toString("hex")
        .repeat(6),
    );
    const { list, diffId } = scanAndDigest(kernel, upper);
    const base = temporaryDir(context);
    const first = await compressLayer(kernel, upper, list, join(base, "1"), { compression });
    const second = await compressLayer(kernel, upper, list, join(base, "2"), { compression });
    assert.deepEqual(second, first);
    const bytes = readFileSync(join(base, "1"));
    assert.deepEqual({ ...first }, { digest: sha256Digest(bytes), size: bytes.length, diffId });
    const { unpacked } = await roundTrip(context, bytes);
    assert.equal(unpacked.diffId, diffId);
    assert.deepEqual(rootless(unpacked.list), rootless(list));
    if (compression === "gzip") assert.equal(sha256Digest(execFileSync("gzip", ["-dc", join(base, "1")], { maxBuffer: 1 << 28 })), diffId);
    if (compression !== "none") assert.ok(bytes.length < packed(upper, list).length / 2);
  });
}

test("a level that doesn't exist is refused", async (context) => {
  const upper = makeUpper(context);
  await assert.rejects(compressLayer(kernel, upper, [], join(upper, "blob"), { compression: "gzip", level: 12 }), {
    code: "COMPRESSION_LEVEL",
  });
});

test("a layer that can't be packed while chunks are being compressed is one error", async (context) => {
  const dir = temporaryDir(context);
  for (const name of ["a", "b", "c"]) writeFileSync(join(dir, name), Buffer.alloc(3 << 20, name));
  const { list } = scanUpper(kernel, dir);
  truncateSync(join(dir, "c"), 5);
  await assert.rejects(compressLayer(kernel, dir, list, join(temporaryDir(context), "blob"), { compression: "gzip" }), {
    code: "TREE_CHANGED",
  });
});

test("times are clamped in the tar, not in the list", async (context) => {
  const dir = temporaryDir(context);
  for (const [name, time] of [
    ["old", 100],
    ["new", 2000],
  ] as const) {
    writeFileSync(join(dir, name), name);
    utimesSync(join(dir, name), time, time);
  }
  const { list, diffId } = scanAndDigest(kernel, dir, { rewriteTimestampSec: 1000 });
  assert.equal(list.find(({ path }) => path === "new")?.mtimeNs, 2_000_000_000_000n);
  const tar = packed(dir, list, { rewriteTimestampSec: 1000 });
  assert.equal(sha256Digest(tar), diffId);
  const { unpacked } = await roundTrip(context, tar);
  assert.deepEqual(unpacked.list.map(({ path, mtimeNs }) => [path, mtimeNs]).slice(1), [
    ["new", 1_000_000_000_000n],
    ["old", 100_000_000_000n],
  ]);
});

test("sockets are listed but not packed, under none of their names", async (context) => {
  const dir = temporaryDir(context);
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(join(dir, "socket"), resolve));
  linkSync(join(dir, "socket"), join(dir, "socket-2"));
  const { list } = scanUpper(kernel, dir);
  const tar = packed(dir, list);
  await new Promise((resolve) => server.close(resolve));
  assert.deepEqual(shape(list), ["/ dir", "socket socket", "socket-2 hardlink -> socket"]);
  assert.equal(tar.length, 1024);
});

test("a file named like a whiteout is an error that names it", (context) => {
  const dir = temporaryDir(context);
  writeFileSync(join(dir, ".wh.passwd"), "");
  const { list } = scanUpper(kernel, dir);
  assert.throws(() => packed(dir, list), { code: "LAYER_RESERVED_NAME", message: /\.wh\.passwd/ });
});

test("a tree that differs from its list is an error", (context) => {
  const dir = temporaryDir(context);
  writeFileSync(join(dir, "f"), "12345");
  const { list } = scanUpper(kernel, dir);
  writeFileSync(join(dir, "f"), "123456");
  assert.throws(() => packed(dir, list), { code: "TREE_CHANGED" });
  execFileSync("rm", [join(dir, "f")]);
  symlinkSync("/etc/passwd", join(dir, "f"));
  assert.throws(() => packed(dir, list), { code: "TREE_CHANGED" });
});

test("an empty upper is empty", (context) => {
  const dir = temporaryDir(context);
  const { isEmpty, list, tarSizeBytes } = scanAndDigest(kernel, dir);
  assert.deepEqual([isEmpty, list.length, tarSizeBytes], [true, 1, 1024]);
});

test("directories the tar did not name get their metadata from below", async (context) => {
  const upper = makeUpper(context);
  const { list } = scanUpper(kernel, upper);
  const tar = packed(
    upper,
    list.filter(({ path }) => path === "sub/file" || path === "another-name"),
  );
  const { dest, unpacked } = await roundTrip(context, tar);
  assert.deepEqual(unpacked.impliedDirs, ["", "sub"]);
  const lower: FileEntry[] = [
    { path: "sub", type: "dir", mode: 0o2770, uid: 5, gid: 6, size: 0, mtimeNs: 42n, xattrs: { "user.a": "YQ==" } },
  ];
  const fixed = fixImpliedDirs(kernel, dest, unpacked, lower);
  assert.deepEqual(
    fixed.find(({ path }) => path === "sub"),
    lower[0],
  );
  assert.deepEqual(scanDirectory(kernel, dest, { overlayUpper: true, hashFiles: true }), fixed);
});

test("times are written with as many decimals as they need", () => {
  assert.deepEqual([0n, 1n, -1_500_000_000n, 1_700_000_000_000_000_010n].map(decimalTime), [
    "0",
    "0.000000001",
    "-1.5",
    "1700000000.00000001",
  ]);
});

test("links are never followed", (context) => {
  const dir = temporaryDir(context);
  symlinkSync("/etc", join(dir, "l"));
  assert.deepEqual(shape(scanDirectory(kernel, dir, { overlayUpper: false, hashFiles: true })), ["/ dir", "l symlink -> /etc"]);
  assert.equal(readlinkSync(join(dir, "l")), "/etc");
});

test("what is excluded is left out with all beneath it", (context) => {
  const upper = makeUpper(context);
  const list = scanDirectory(kernel, upper, {
    overlayUpper: true,
    hashFiles: false,
    exclude: (path) => path !== "sub" && path !== "sub/file",
  });
  assert.deepEqual(shape(list), ["/ dir", "sub dir", "sub/file file"]);
});
