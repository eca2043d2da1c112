import assert from "node:assert/strict";
import { chownSync, existsSync, lstatSync, mkdirSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { TsbuildError } from "../base/errors.js";
import { mountsBelow } from "./remove-tree.js";
import { testRoot } from "./testing.js";

function fails(code: string): (error: unknown) => boolean {
  return (error) => error instanceof TsbuildError && error.code === code;
}

test("a new store is made, for its owner only; opening it again makes nothing", async () => {
  await using root = testRoot();
  await using store = await root.open();
  assert.equal(lstatSync(root.root).mode & 0o777, 0o700);
  assert.equal(lstatSync(store.path()).mode & 0o777, 0o700);
  assert.equal(store.path("a", "b"), join(root.root, "v1", "a", "b"));
  assert.deepEqual(readdirSync(root.root), ["v1"]);
  await using _again = await root.open();
  assert.deepEqual(readdirSync(root.root), ["v1"]);
});

test("many that open a store for the first time at once all get it", async () => {
  await using root = testRoot();
  const stores = await Promise.all(Array.from({ length: 5 }, () => root.open()));
  assert.equal(new Set(stores.map((store) => store.path())).size, 1);
});

test("a store of somebody else, of a newer program, or that is no folder is refused", async () => {
  await using root = testRoot();
  await (await root.open())[Symbol.asyncDispose]();
  mkdirSync(join(root.root, "v2"));
  await assert.rejects(root.open(), fails("STORE_TOO_NEW"));
  rmSync(join(root.root, "v2"), { recursive: true });
  if (process.geteuid?.() === 0) {
    for (const path of [root.root, join(root.root, "v1")]) {
      chownSync(path, 12345, 12345);
      await assert.rejects(root.open(), fails("STORE_NOT_YOURS"));
      chownSync(path, 0, 0);
    }
  }
  renameSync(root.root, `${root.root}-real`);
  symlinkSync(`${root.root}-real`, root.root);
  await assert.rejects(root.open(), fails("STORE_UNUSABLE"));
  rmSync(root.root);
  writeFileSync(root.root, "");
  await assert.rejects(root.open(), fails("STORE_UNUSABLE"));
});

test("temporary folders go with their scope, at the latest with the store", async () => {
  await using root = testRoot();
  let forgotten = "";
  {
    await using store = await root.open();
    let scoped = "";
    {
      await using dir = await store.tempDir();
      scoped = dir.path;
      writeFileSync(join(scoped, "x"), "");
    }
    assert.ok(!existsSync(scoped));
    forgotten = (await store.tempDir()).path;
    assert.ok(existsSync(forgotten));
  }
  assert.ok(!existsSync(forgotten));
});

test("build ids differ and sort by time", async () => {
  await using root = testRoot();
  await using store = await root.open();
  const [a, b] = [store.newBuildId(), store.newBuildId()];
  assert.match(a, /^[a-z0-9]{25}$/);
  assert.notEqual(a, b);
  assert.ok(a.slice(0, 9) <= b.slice(0, 9));
});

test("mount points are found below a path, escapes and all", () => {
  const info = [
    "1 0 0:1 / / rw - ext4 a b",
    "2 1 0:2 / /a\\040b rw - tmpfs a b",
    "3 2 0:2 / /a\\040b/c rw - tmpfs a b",
    "4 1 0:2 / /a\\040bc rw - tmpfs a b",
    "",
  ].join("\n");
  assert.deepEqual(mountsBelow(info, "/a b"), ["/a b", "/a b/c"]);
});
