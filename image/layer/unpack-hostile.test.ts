import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, lstatSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { gzipSync } from "node:zlib";
import { Compressor } from "zstd-napi";
import { sha256Digest } from "../../base/digest.js";
import { loadKernel } from "../../sys/kernel.js";
import type { FileEntry } from "../types.js";
import { scanDirectory } from "./scan.js";
import type { HandEntry } from "./testing.js";
import { blobOf, handTar, shape, temporaryDir } from "./testing.js";
import type { UnpackRequest, UnpackedLayer } from "./unpack.js";
import { unpackLayer } from "./unpack.js";

const kernel = loadKernel();

interface Ground {
  /** A folder outside, with things that must stay as they are. */
  readonly canary: string;
  /** Unpacks in each way, and proves that the canary is untouched. The outcome is that of laying out alone. */
  readonly feed: (entries: readonly HandEntry[] | Buffer, limits?: UnpackRequest["limits"]) => Promise<UnpackedLayer>;
}

/** `links` are symlinks of the layer below: name to target. */
function ground(context: TestContext, links: Readonly<Record<string, string>> = {}): Ground {
  const base = temporaryDir(context);
  const canary = join(base, "canary");
  mkdirSync(join(canary, "dir"), { recursive: true });
  for (const name of ["passwd", "victim", "dir/inner"]) writeFileSync(join(canary, name), name);
  chmodSync(join(canary, "victim"), 0o4755);
  const lower = join(base, "lower");
  mkdirSync(lower);
  for (const [name, target] of Object.entries(links)) symlinkSync(target.replace("CANARY", canary), join(lower, name));
  const state = (): FileEntry[] => scanDirectory(kernel, canary, { overlayUpper: false, hashFiles: true });
  const before = state();
  const nlink = statSync(join(canary, "victim")).nlink;
  const feed: Ground["feed"] = async (entries, limits) => {
    const tar = Buffer.isBuffer(entries)
      ? entries
      : handTar(
          entries.map((entry) => ({
            ...entry,
            name: entry.name.replace("CANARY", canary),
            ...(entry.linkName !== undefined && { linkName: entry.linkName.replace("CANARY", canary) }),
          })),
        );
    const blobPath = blobOf(context, tar);
    const [merged, alone] = await Promise.allSettled([unpackMerged(base, blobPath, limits), unpackAlone(base, blobPath, limits)]);
    assert.deepEqual(state(), before, "the canary was touched");
    assert.equal(statSync(join(canary, "victim")).nlink, nlink);
    if (alone.status === "rejected") throw alone.reason;
    if (!alone.value.needsParents && Object.keys(links).length === 0)
      assert.equal(merged.status, "fulfilled", String(merged.status === "rejected" && merged.reason));
    return alone.value;
  };
  return { canary, feed };
}

async function unpackAlone(base: string, blobPath: string, limits: UnpackRequest["limits"]): Promise<UnpackedLayer> {
  const destDir = fresh(base, "alone");
  return unpackLayer(kernel, { blobPath, mediaType: "", destDir, limits });
}

async function unpackMerged(base: string, blobPath: string, limits: UnpackRequest["limits"]): Promise<UnpackedLayer> {
  const [destDir, work, root] = [fresh(base, "upper"), fresh(base, "work"), fresh(base, "root")];
  kernel.mountOverlay({ lowers: [join(base, "lower")], upper: destDir, work, target: root });
  try {
    return await unpackLayer(kernel, { blobPath, mediaType: "", destDir, root, limits });
  } finally {
    kernel.umount(root);
  }
}

function fresh(base: string, name: string): string {
  const path = join(base, `${name}-${Math.random().toString(36).slice(2)}`);
  mkdirSync(path);
  return path;
}

const names = ({ list }: UnpackedLayer): string[] => shape(list).slice(1);
const link = (name: string, linkName: string): HandEntry => ({ name, typeFlag: "2", linkName });
const hard = (name: string, linkName: string): HandEntry => ({ name, typeFlag: "1", linkName });

test("S-01 names that lead out are refused, absolute ones lie inside", async (context) => {
  const { feed } = ground(context);
  for (const name of ["../../canary/passwd", "a/../../x", "a/..", "..", "./../x"])
    await assert.rejects(feed([{ name, content: "x" }]), { code: "LAYER_UNSAFE_PATH" });
  await assert.rejects(feed([{ name: "", content: "x" }]), { code: "LAYER_CORRUPT" });
  await assert.rejects(feed([{ name: "d/.wh...", content: "" }]), { code: "LAYER_UNSAFE_PATH" });
  await assert.rejects(feed([{ name: "d/.wh.", content: "" }]), { code: "LAYER_UNSAFE_PATH" });
  const inside = await feed([
    { name: "CANARY/passwd", content: "x" },
    { name: "..\\x" },
    { name: "new\nline" },
    { name: "...", content: "dots" },
  ]);
  assert.ok(names(inside).some((line) => line.endsWith("canary/passwd file")));
  assert.ok(inside.list.some(({ path }) => path === "new\nline") && inside.list.some(({ path }) => path === "..\\x"));
});

test("S-02 a file through a link of the same layer lies inside", async (context) => {
  const { feed } = ground(context);
  const unpacked = await feed([
    link("etc", "CANARY"),
    { name: "etc/passwd", content: "evil" },
    link("up", "../../../../.."),
    { name: "up/x", content: "evil" },
    link("loop", "loop"),
  ]);
  assert.ok(names(unpacked).some((line) => line.endsWith("canary/passwd file")));
  assert.ok(names(unpacked).includes("x file"));
  await assert.rejects(feed([link("loop", "loop"), { name: "loop/x" }]), { code: "LAYER_CORRUPT" });
});

test("S-03 a file through a link of the layer below lies inside", async (context) => {
  const { feed } = ground(context, { etc: "CANARY", up: "../../../../../../.." });
  const unpacked = await feed([
    { name: "etc/passwd", content: "evil" },
    { name: "up/passwd", content: "evil" },
    { name: "etc/dir/", typeFlag: "5", mode: 0o777 },
  ]);
  assert.deepEqual(unpacked.impliedDirs, ["", "etc", "up"]);
});

test("S-04 whiteouts through links delete nothing outside", async (context) => {
  const marks = [{ name: "etc/.wh.victim" }, { name: "etc/.wh..wh..opq" }, { name: "etc/dir/.wh..wh..opq" }];
  await ground(context).feed([link("etc", "CANARY"), ...marks]);
  await ground(context, { etc: "CANARY" }).feed(marks);
});

test("S-05 hard links reach no inode outside", async (context) => {
  const { feed } = ground(context, { etc: "CANARY" });
  await assert.rejects(feed([hard("a", "../canary/victim")]), { code: "LAYER_UNSAFE_PATH" });
  assert.equal((await feed([hard("a", "CANARY/victim")])).needsParents, true);
  assert.equal((await feed([hard("a", "etc/victim"), { name: "a", content: "evil" }])).needsParents, true);
  assert.equal(
    (await feed([link("one", "CANARY"), link("two", "one"), hard("a", "two/victim"), { name: "a", content: "evil" }])).needsParents,
    true,
  );
  await feed([link("one", "CANARY/victim"), hard("a", "one"), { name: "a", content: "evil" }]);
});

test("S-06 hard links to nothing sensible are clean errors", async (context) => {
  const { feed } = ground(context);
  await assert.rejects(feed([{ name: "a" }, hard("a", "a")]), { code: "LAYER_CORRUPT", message: /itself/ });
  await assert.rejects(feed([{ name: "d/", typeFlag: "5" }, hard("a", "d")]), { code: "LAYER_CORRUPT", message: /directory/ });
  await assert.rejects(feed([{ name: ".wh.gone" }, hard("a", "gone")]), { code: "LAYER_CORRUPT", message: /removed/ });
  await assert.rejects(feed([{ name: "d/f" }, hard("d", "d/f")]), { code: "LAYER_UNPACK" });
  assert.equal((await feed([hard("a", "later"), { name: "later" }])).needsParents, true);
  await assert.rejects(feed([{ name: "f" }, { name: "f/x" }]), { code: "LAYER_CORRUPT" });
});

test("S-06 through the mounted root a link to nothing is an error", async (context) => {
  const base = temporaryDir(context);
  mkdirSync(join(base, "lower"));
  await assert.rejects(unpackMerged(base, blobOf(context, handTar([hard("a", "nowhere")])), undefined), {
    code: "LAYER_CORRUPT",
    message: /nowhere/,
  });
});

test("S-09 setuid and capabilities are kept, overlay's attributes never come from a layer", async (context) => {
  const dest = temporaryDir(context);
  const value = Buffer.from("y").toString("base64");
  const xattrs = {
    "security.capability": Buffer.from("0100000200200000000000000000000000000000", "hex").toString("base64"),
    "security.selinux": value,
    "trusted.overlay.opaque": value,
    "trusted.overlay.redirect": value,
    "user.overlay.opaque": value,
    "user.fine": value,
  };
  const tar = handTar([
    { name: "s", mode: 0o6755, uid: 1, gid: 2, xattrs, content: "x" },
    { name: "d/", typeFlag: "5", mode: 0o1777, xattrs: { "trusted.overlay.opaque": value, "trusted.overlay.redirect": value } },
  ]);
  const { list } = await unpackLayer(kernel, { blobPath: blobOf(context, tar), mediaType: "", destDir: dest });
  assert.deepEqual(Object.keys(list.find(({ path }) => path === "s")?.xattrs ?? {}), ["security.capability", "user.fine"]);
  assert.deepEqual(kernel.listXattrs(join(dest, "s")), ["security.capability", "user.fine"]);
  assert.deepEqual(kernel.listXattrs(join(dest, "d")), []);
  assert.equal(lstatSync(join(dest, "s")).mode & 0o7777, 0o6755);
  assert.equal(lstatSync(join(dest, "d")).mode & 0o7777, 0o1777);
});

test("S-10 bombs are stopped by a limit that the message names", async (context) => {
  const { feed } = ground(context);
  const zeros = gzipSync(Buffer.concat([handTar([{ name: "zeros", size: 40 << 20 }]).subarray(0, 512), Buffer.alloc(40 << 20)]));
  await assert.rejects(feed(zeros, { maxTotalBytes: 1 << 20 }), { code: "LAYER_LIMIT", message: /maxTotalBytes/ });
  await assert.rejects(feed([{ name: "huge", size: 2 ** 62 }]), { code: "LAYER_LIMIT", message: /huge/ });
  await assert.rejects(
    feed(
      Array.from({ length: 11 }, (_, index) => ({ name: `f${index}` })),
      { maxEntries: 10 },
    ),
    { code: "LAYER_LIMIT", message: /maxEntries/ },
  );
});

test("S-10 a bomb of zeros is stopped by its ratio, in little memory", async (context) => {
  const piece = new Compressor().compress(Buffer.alloc(64 << 20));
  const head = new Compressor().compress(handTar([{ name: "zeros", size: 20 * 2 ** 30 }]).subarray(0, -1024));
  const blobPath = blobOf(context, Buffer.concat([head, ...Array.from({ length: 20 }, () => piece)]));
  const destDir = temporaryDir(context);
  const before = process.memoryUsage().rss;
  await assert.rejects(unpackLayer(kernel, { blobPath, mediaType: "", destDir }), { code: "LAYER_LIMIT", message: /maxRatio/ });
  assert.ok(process.memoryUsage().rss - before < 300 << 20);
});

test("S-10 sparse files in GNU's format are refused by name", async (context) => {
  const dir = temporaryDir(context);
  execFileSync("truncate", ["-s", "10M", join(dir, "holes")]);
  for (const format of ["gnu", "pax"]) {
    const tar = execFileSync("tar", ["--sparse", `--format=${format}`, "-cf", "-", "-C", dir, "holes"]);
    await assert.rejects(ground(context).feed(tar), { code: "LAYER_UNSUPPORTED", message: /holes/ });
  }
});

test("S-11 long and doubled names are bounded and have one precedence", async (context) => {
  const { feed } = ground(context);
  await assert.rejects(feed([{ name: "x".repeat(1 << 20) }]), { code: "LAYER_LIMIT" });
  await assert.rejects(feed([{ name: "d/".repeat(3000) + "f" }]), { code: "LAYER_LIMIT", message: /maxPathBytes/ });
  await assert.rejects(feed([link("l", "y".repeat(5000))]), { code: "LAYER_LIMIT" });
  const deep = await feed([{ name: "d/".repeat(1500) + "f", content: "x" }]);
  assert.equal(deep.list.length, 1502);
  const both = extended(
    [
      ["L", "from-gnu\0"],
      ["x", "17 path=from-pax\n17 path=last-pax\n"],
    ],
    "from-ustar",
  );
  assert.deepEqual(names(await feed(both)), ["from-gnu file"]);
  assert.deepEqual(names(await feed(extended([["x", "17 path=from-pax\n17 path=last-pax\n"]], "from-ustar"))), ["last-pax file"]);
  assert.deepEqual(names(await feed(extended([["x", "8 path=\n"]], "from-ustar"))), ["from-ustar file"]);
  for (const broken of ["99 path=x\n", "path=x\n", "9 path=xy", "0 path=x\n", "9 path\0=x\n", "13 size=-4242\n"]) {
    await assert.rejects(feed(extended([["x", broken]], "f")), { code: "LAYER_CORRUPT" }, JSON.stringify(broken));
  }
});

/** An entry with extended headers before it. */
function extended(extensions: readonly (readonly [flag: string, body: string])[], name: string): Buffer {
  const parts = extensions.map(([flag, body]) => {
    const block = handTar([{ name: "extension", content: body }]).subarray(0, -1024);
    block.write(flag, 156, "latin1");
    return withChecksum(block);
  });
  return Buffer.concat([...parts, handTar([{ name }])]);
}

function withChecksum(block: Buffer): Buffer {
  block.fill(" ", 148, 156);
  const sum = block.subarray(0, 512).reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return block;
}

test("S-12 what is cut short, damaged or followed by something is refused", async (context) => {
  const { feed } = ground(context);
  const tar = handTar([{ name: "f", content: "x".repeat(5000) }]);
  const gzip = gzipSync(tar);
  const zstd = new Compressor().compress(tar);
  const flip = (bytes: Buffer, at: number): Buffer => {
    const copy = Buffer.from(bytes);
    copy[at] = (copy[at] ?? 0) ^ 0xff;
    return copy;
  };
  const broken: Readonly<Record<string, Buffer>> = {
    "gzip cut": gzip.subarray(0, -5),
    "gzip crc": flip(gzip, gzip.length - 6),
    "gzip data": flip(gzip, 30),
    "gzip garbage": Buffer.concat([gzip, Buffer.from("garbage")]),
    "gzip zeros": Buffer.concat([gzip, Buffer.alloc(64)]),
    "gzip then half a member": Buffer.concat([gzip, gzip.subarray(0, 12)]),
    "zstd cut": zstd.subarray(0, -3),
    "zstd garbage": Buffer.concat([zstd, Buffer.from("garbage")]),
    "zstd data": flip(zstd, 20),
    "tar cut in content": tar.subarray(0, 2000),
    "tar cut in header": tar.subarray(0, 300),
    "tar garbage": Buffer.concat([tar, Buffer.from("garbage")]),
    "header damaged": flip(tar, 3),
  };
  for (const [what, bytes] of Object.entries(broken)) await assert.rejects(feed(bytes), { code: "LAYER_CORRUPT" }, what);
});

test("S-12 several gzip members or zstd frames, zero padding and a missing end are accepted", async (context) => {
  const { feed } = ground(context);
  const tar = handTar([{ name: "f", content: "x".repeat(300_000) }]);
  const halves = [tar.subarray(0, 100_003), tar.subarray(100_003)];
  const zstd = new Compressor();
  for (const blob of [Buffer.concat(halves.map((half) => gzipSync(half))), Buffer.concat(halves.map((half) => zstd.compress(half)))]) {
    const unpacked = await feed(blob);
    assert.equal(unpacked.diffId, sha256Digest(tar));
    assert.deepEqual(names(unpacked), ["f file"]);
  }
  const padded = Buffer.concat([tar, Buffer.alloc(9216)]);
  assert.equal((await feed(padded)).diffId, sha256Digest(padded));
  assert.deepEqual(names(await feed(tar.subarray(0, -1024))), ["f file"]);
});

test("other compressions and encrypted layers are refused by name", async (context) => {
  await assert.rejects(ground(context).feed(Buffer.from("fd377a585a0000", "hex")), { code: "LAYER_UNSUPPORTED", message: /xz/ });
  const blobPath = blobOf(context, handTar([]));
  await assert.rejects(
    unpackLayer(kernel, { blobPath, mediaType: "application/vnd.oci.image.layer.v1.tar+gzip+encrypted", destDir: temporaryDir(context) }),
    { code: "LAYER_UNSUPPORTED" },
  );
});

test("an aborted unpacking stops", async (context) => {
  const signal = AbortSignal.abort(new Error("stop"));
  const destDir = temporaryDir(context);
  await assert.rejects(
    unpackLayer(kernel, { blobPath: blobOf(context, handTar([{ name: "f" }])), mediaType: "", destDir, signal }),
    /stop/,
  );
  assert.deepEqual(readdirSync(destDir), []);
});
