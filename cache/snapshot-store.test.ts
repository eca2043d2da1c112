import assert from "node:assert/strict";
import { existsSync, readFileSync, readdirSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { sha256Digest } from "../base/digest.js";
import { TsbuildError } from "../base/errors.js";
import { encodeFileList } from "../image/layer/file-list.js";
import type { Store } from "./store.js";
import { afterReboot, fileEntry, OtherProcess, snapshotName, testRoot } from "./testing.js";
import type { SnapshotName } from "./types.js";

const NAME = snapshotName("a".repeat(64));

async function commit(store: Store, files: Readonly<Record<string, string>>, name?: SnapshotName): Promise<SnapshotName> {
  await using active = await store.snapshots.prepare();
  for (const [path, content] of Object.entries(files)) writeFileSync(join(active.fs, path), content);
  const list = Object.entries(files).map(([path, content]) => fileEntry(path, content));
  return await active.commit({ ...(name === undefined ? {} : { name }), files: list, isEmpty: list.length === 0, sizeBytes: 10 });
}

test("a prepared snapshot that is not committed leaves nothing", async () => {
  await using root = testRoot();
  await using store = await root.open();
  {
    await using active = await store.snapshots.prepare();
    writeFileSync(join(active.fs, "a"), "");
    assert.ok([active.work, active.mountpoint].every(existsSync));
  }
  assert.deepEqual(readdirSync(store.path("tmp")), []);
  assert.deepEqual(await store.snapshots.list(), []);
});

test("commit puts the folder into place with its list and its facts", async () => {
  await using root = testRoot();
  await using store = await root.open();
  const name = await commit(store, { a: "1", b: "2" });
  assert.equal(readFileSync(join(store.snapshots.directory(name), "a"), "utf8"), "1");
  assert.deepEqual(
    (await store.snapshots.files(name)).map((entry) => entry.path),
    ["a", "b"],
  );
  const meta = await store.snapshots.meta(name);
  assert.deepEqual([meta.name, meta.sizeBytes, meta.isEmpty, meta.diffId, meta.blobs], [name, 10, false, undefined, {}]);
  assert.deepEqual(readdirSync(join(store.path("snapshots"), name)).sort(), ["files", "fs", "meta"]);
  assert.equal(await store.snapshots.hasAll([name]), true);
  assert.equal(await store.snapshots.hasAll([name, NAME]), false);
  assert.equal(await store.snapshots.hasAll([]), true);
});

test("an encoded list that a worker wrote is renamed into place", async () => {
  await using root = testRoot();
  await using store = await root.open();
  await using active = await store.snapshots.prepare();
  const encodedAt = join(active.fs, "..", "list");
  writeFileSync(encodedAt, encodeFileList([fileEntry("a", "1")]));
  const name = await active.commit({ files: { encodedAt }, isEmpty: false, sizeBytes: 0 });
  assert.deepEqual(await store.snapshots.files(name), [fileEntry("a", "1")]);
});

test("a name that exists already is success, and the first one stays", async () => {
  await using root = testRoot();
  await using store = await root.open();
  assert.equal(await commit(store, { a: "first" }, NAME), NAME);
  assert.equal(await commit(store, { a: "other" }, NAME), NAME);
  assert.equal(readFileSync(join(store.snapshots.directory(NAME), "a"), "utf8"), "first");
  assert.deepEqual(readdirSync(store.path("tmp")), []);
});

test("a broken snapshot in the way is replaced", async () => {
  await using root = testRoot();
  await using store = await root.open();
  await commit(store, { a: "1" }, NAME);
  writeFileSync(store.path("snapshots", NAME, "meta"), "torn");
  assert.equal(await store.snapshots.hasAll([NAME]), false);
  await commit(store, { a: "2" }, NAME);
  assert.equal(readFileSync(join(store.snapshots.directory(NAME), "a"), "utf8"), "2");
  assert.equal(await store.snapshots.hasAll([NAME]), true);
});

test("lowers are top first without the empty ones", async () => {
  await using root = testRoot();
  await using store = await root.open();
  const chain = [await commit(store, { a: "1" }), await commit(store, {}), await commit(store, { b: "2" })];
  const [bottom, , top] = chain.map((name) => store.snapshots.directory(name));
  assert.deepEqual(await store.snapshots.lowers(chain), [top, bottom]);
  await assert.rejects(store.snapshots.lowers([NAME]), (error) => error instanceof TsbuildError && error.code === "SNAPSHOT_MISSING");
});

test("facts found out later are added one by one, by several at a time", async () => {
  await using root = testRoot();
  await using store = await root.open();
  const name = await commit(store, { a: "1" });
  const blob = (text: string): { mediaType: string; digest: ReturnType<typeof sha256Digest>; size: number } => ({
    mediaType: "x/y",
    digest: sha256Digest(text),
    size: 1,
  });
  await Promise.all([
    store.snapshots.annotate(name, { diffId: sha256Digest("diff") }),
    store.snapshots.annotate(name, { blob: ["gzip", blob("g")] }),
    store.snapshots.annotate(name, { blob: ["zstd", blob("z")] }),
  ]);
  const meta = await store.snapshots.meta(name);
  assert.equal(meta.diffId, sha256Digest("diff"));
  assert.deepEqual([meta.blobs.gzip?.digest, meta.blobs.zstd?.digest, meta.blobs.none], [sha256Digest("g"), sha256Digest("z"), undefined]);
  assert.deepEqual(readdirSync(store.path("locks")), ["gate"]);
});

test("a list that is corrupt makes the snapshot a miss", async () => {
  await using root = testRoot();
  await using store = await root.open();
  const name = await commit(store, { a: "1" });
  truncateSync(store.path("snapshots", name, "files"), 20);
  await assert.rejects(store.snapshots.files(name), (error) => error instanceof TsbuildError && error.code === "SNAPSHOT_MISSING");
  assert.equal(await store.snapshots.hasAll([name]), false);
});

test("after a reboot a snapshot is compared with its list: kept when whole, dropped when not", async () => {
  const damages: Readonly<Record<string, (dir: string) => void>> = {
    "other bytes": (dir) => writeFileSync(join(dir, "fs/a"), "2"),
    "cut short": (dir) => truncateSync(join(dir, "fs/a"), 0),
    missing: (dir) => rmSync(join(dir, "fs/a")),
    "of another type": (dir) => {
      rmSync(join(dir, "fs/a"));
      symlinkSync("b", join(dir, "fs/a"));
    },
    "its list torn": (dir) => truncateSync(join(dir, "files"), 10),
    none: () => undefined,
  };
  for (const [what, damage] of Object.entries(damages)) {
    await using root = testRoot();
    let name = NAME;
    {
      await using store = await root.open();
      name = await commit(store, { a: "1", b: "2" });
      await store.snapshots.annotate(name, { diffId: sha256Digest("x") });
      damage(store.path("snapshots", name));
      assert.equal(await store.snapshots.hasAll([name]), true);
    }
    await afterReboot(async () => {
      await using store = await root.open();
      assert.equal(await store.snapshots.hasAll([name]), what === "none", what);
      assert.equal((await store.snapshots.list()).length, what === "none" ? 1 : 0, what);
      assert.equal(root.notes.length, what === "none" ? 0 : 1, what);
      if (what === "none") damages["other bytes"]?.(store.path("snapshots", name));
      assert.equal(await store.snapshots.hasAll([name]), what === "none", "proved once, not again");
    });
  }
});

test("two processes that commit one name both succeed with one snapshot", async () => {
  await using root = testRoot();
  const body = `
    const active = await store.snapshots.prepare();
    writeFileSync(active.fs + "/who", String(process.pid));
    say("ready");
    await told();
    say(await active.commit({ name: "${NAME}", files: [], isEmpty: false, sizeBytes: 1 }));
    await store[Symbol.asyncDispose]();`;
  await using a = new OtherProcess(root.root, body);
  await using b = new OtherProcess(root.root, body);
  await Promise.all([a.line(), b.line()]);
  a.tell();
  b.tell();
  assert.deepEqual(await Promise.all([a.line(), b.line()]), [NAME, NAME]);
  await Promise.all([a.ended(), b.ended()]);
  await using store = await root.open();
  assert.deepEqual(await store.snapshots.list(), [NAME]);
  assert.ok([a.pid, b.pid].includes(Number(readFileSync(join(store.snapshots.directory(NAME), "who"), "utf8"))));
  assert.deepEqual(readdirSync(store.path("tmp")), []);
});
