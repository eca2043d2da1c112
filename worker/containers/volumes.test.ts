import assert from "node:assert/strict";
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { testRoot } from "../../cache/testing.js";
import { checkVolumeName, openVolume, readVolume, removeVolume } from "./volumes.js";

const signal = AbortSignal.timeout(30_000);

function makeRoot(): { readonly path: string; [Symbol.dispose](): void } {
  const path = mkdtempSync(join(tmpdir(), "rootfs-"));
  mkdirSync(join(path, "data/sub"), { recursive: true });
  writeFileSync(join(path, "data/seed"), "from the image");
  chmodSync(join(path, "data/seed"), 0o640);
  chownSync(join(path, "data/seed"), 5, 6);
  chownSync(join(path, "data"), 7, 8);
  chmodSync(join(path, "data"), 0o1770);
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true }) };
}

test("a new volume has the image's content, with owners and modes; later it keeps its own", async () => {
  await using root = testRoot();
  await using store = await root.open();
  using rootfs = makeRoot();
  const open = (): Promise<string> =>
    openVolume(store, { name: "vol", isAnonymous: false, labels: { a: "b" }, seed: { rootfs: rootfs.path, path: "/data" }, signal });
  const path = await open();
  const [folder, file] = [lstatSync(path), lstatSync(join(path, "seed"))];
  assert.deepEqual([folder.uid, folder.gid, folder.mode & 0o7777, file.uid, file.gid, file.mode & 0o7777], [7, 8, 0o1770, 5, 6, 0o640]);
  assert.ok(lstatSync(join(path, "sub")).isDirectory());
  assert.deepEqual({ ...readVolume(store, "vol")?.labels }, { a: "b" });
  writeFileSync(join(path, "seed"), "changed");
  assert.equal(await open(), path);
  assert.equal(readFileSync(join(path, "seed"), "utf8"), "changed");
});

test("links of the image are copied as links, and never lead out of it", async () => {
  await using root = testRoot();
  await using store = await root.open();
  using rootfs = makeRoot();
  symlinkSync("/etc/passwd", join(rootfs.path, "data/out"));
  symlinkSync("/data", join(rootfs.path, "alias"));
  symlinkSync("/../../../../etc", join(rootfs.path, "escape"));
  const path = await openVolume(store, { name: "vol", isAnonymous: false, seed: { rootfs: rootfs.path, path: "/alias" }, signal });
  assert.equal(readlinkSync(join(path, "out")), "/etc/passwd");
  const outside = await openVolume(store, { name: "other", isAnonymous: false, seed: { rootfs: rootfs.path, path: "/escape" }, signal });
  assert.ok(!existsSync(join(outside, "passwd")));
});

test("a removed volume is gone, one that isn't there is fine", async () => {
  await using root = testRoot();
  await using store = await root.open();
  await openVolume(store, { name: "vol", isAnonymous: true, signal });
  assert.equal(readVolume(store, "vol")?.isAnonymous, true);
  removeVolume(store, "vol");
  removeVolume(store, "vol");
  assert.equal(readVolume(store, "vol"), undefined);
});

test("names that could be paths are refused", () => {
  for (const name of ["", ".", "..", "a/b", "-x", "a"]) assert.throws(() => checkVolumeName(name), { code: "VOLUME_NAME_INVALID" }, name);
});
