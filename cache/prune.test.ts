import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { sha256Digest } from "../base/digest.js";
import { encodeIndex, encodeManifest } from "../image/write.js";
import { MEDIA } from "../image/types.js";
import { writeContainerHolds } from "./holds.js";
import { chainRecordName } from "./chain-records.js";
import { prune, removeImages } from "./prune.js";
import { diskUsage } from "./usage.js";
import type { Store } from "./store.js";
import { OtherProcess, stepKey, testRoot } from "./testing.js";
import type { TestRoot } from "./testing.js";
import type { ImageRecord, SnapshotName } from "./types.js";

const APP = "docker.io/library/app:latest";

interface Scene {
  readonly used: SnapshotName;
  readonly unused: SnapshotName;
  readonly image: ImageRecord;
}

/** An image with one snapshot, and a step whose snapshot no image has. Made by a store that is closed again: nothing is held. */
async function scene(root: TestRoot): Promise<Scene> {
  await using store = await root.open();
  const used = await snapshot(store, "used");
  const unused = await snapshot(store, "unused");
  for (const [text, name] of [
    ["used", used],
    ["unused", unused],
  ] as const) {
    await store.steps.put([], {
      key: stepKey(text),
      identity: sha256Digest(text),
      chain: [name],
      place: text,
      name: text,
      parts: [],
      createdAtMs: 1000,
      durationMs: 1,
    });
  }
  const config = await store.content.put(Buffer.from("{}"));
  const base = await store.content.put(Buffer.from("base document"));
  await store.bases.set("docker.io/library/base:latest|linux/amd64", {
    id: base,
    target: { mediaType: MEDIA.ociIndex, digest: base, size: 1 },
    manifest: base,
    createdAtMs: 1000,
  });
  const manifest = await store.content.put(
    encodeManifest({
      schemaVersion: 2,
      mediaType: MEDIA.ociManifest,
      config: { mediaType: MEDIA.ociConfig, digest: config, size: 2 },
      layers: [],
    }),
  );
  const image = {
    id: config,
    target: { mediaType: MEDIA.ociManifest, digest: manifest, size: 1 },
    manifest,
    chain: [used],
    createdAtMs: 1000,
  };
  await store.refs.set(APP, image);
  mkdirSync(store.path("mounts", "m1"));
  writeFileSync(store.path("mounts", "m1", "file"), "x");
  return { used, unused, image };
}

async function snapshot(store: Store, text: string): Promise<SnapshotName> {
  const digest = await store.content.put(Buffer.from(`layer ${text}`));
  await using active = await store.snapshots.prepare();
  writeFileSync(join(active.fs, text), text);
  return await active.commit({ files: [], isEmpty: false, sizeBytes: 1000, blob: ["gzip", { mediaType: "x/y", digest, size: 1 }] });
}

const kinds = (result: Awaited<ReturnType<typeof prune>>): readonly string[] => result.removed.map(({ kind }) => kind).sort();

test("what no image needs goes: snapshot, its blob, its record; the rest stays", async () => {
  await using root = testRoot();
  const { used, unused, image } = await scene(root);
  await using store = await root.open();
  const planned = await prune(store, { dryRun: true });
  assert.deepEqual(await store.snapshots.hasAll([used, unused]), true, "a dry run removes nothing");
  const result = await prune(store);
  assert.deepEqual(result, planned);
  assert.deepEqual(kinds(result), ["blob", "record", "snapshot"]);
  assert.equal(
    result.reclaimedBytes,
    result.removed.reduce((sum, { bytes }) => sum + bytes, 0),
  );
  assert.deepEqual(await store.snapshots.list(), [used]);
  assert.deepEqual([await store.steps.get(stepKey("unused")), (await store.steps.get(stepKey("used")))?.name], [undefined, "used"]);
  assert.deepEqual(await store.refs.get(APP), image);
  assert.equal(await store.content.size(sha256Digest("layer unused")), undefined);
  for (const text of ["layer used", "base document"]) assert.ok(await store.content.size(sha256Digest(text)), text);
  assert.ok(existsSync(store.path("mounts", "m1")));
  assert.deepEqual(readdirSync(store.path("tmp")), []);
});

test("all takes images that no container uses as well", async () => {
  await using root = testRoot();
  await scene(root);
  await using store = await root.open();
  const result = await prune(store, { all: true });
  assert.deepEqual([...new Set(kinds(result))], ["base", "blob", "cache-mount", "image", "record", "snapshot"]);
  assert.deepEqual([await store.bases.list(), readdirSync(store.path("places"))], [[], []]);
  assert.deepEqual(
    [
      await store.snapshots.list(),
      readdirSync(store.path("content", "sha256")),
      readdirSync(store.path("mounts")),
      await store.refs.list(),
    ],
    [[], [], [], []],
  );
});

test("a container keeps its image, even with all", async () => {
  await using root = testRoot();
  const { used, image } = await scene(root);
  await using store = await root.open();
  mkdirSync(store.path("containers", "c1"));
  writeContainerHolds(store, "c1", [`image/${image.id}`]);
  await prune(store, { all: true });
  assert.deepEqual([await store.refs.get(APP), await store.snapshots.list()], [image, [used]]);
});

test("what a living process holds stays, whatever no image needs it", async () => {
  await using root = testRoot();
  const { used, unused } = await scene(root);
  await using other = new OtherProcess(
    root.root,
    `await store.lease.hold("snapshot/${unused}", "mount/m1"); say("held"); await forever();`,
  );
  await other.line();
  await using store = await root.open();
  await prune(store, { all: true });
  assert.deepEqual(await store.snapshots.list(), [unused]);
  assert.ok(existsSync(store.path("mounts", "m1")));
  await other.kill();
  await store.recover({
    removePath: () => undefined,
    removeCgroup: () => undefined,
    removeNetwork: () => undefined,
    removeContainer: () => undefined,
  });
  await prune(store, { all: true });
  assert.equal(await store.snapshots.hasAll([used]), false);
  assert.deepEqual(await store.snapshots.list(), []);
});

test("what was used since the time that is given stays", async () => {
  await using root = testRoot();
  const { unused } = await scene(root);
  await using store = await root.open();
  const twoHoursAgo = Date.now() - 2 * 3600_000;
  utimesSync(store.path("snapshots", unused, "meta"), new Date(twoHoursAgo), new Date(twoHoursAgo));
  assert.ok(await store.snapshots.hasAll([unused]), "which notes its use");
  assert.deepEqual((await prune(store, { untilMs: Date.now() - 3600_000 })).removed, []);
  utimesSync(store.path("snapshots", unused, "meta"), new Date(twoHoursAgo), new Date(twoHoursAgo));
  assert.ok(kinds(await prune(store, { untilMs: Date.now() - 3600_000 })).includes("snapshot"));
});

test("with a size to keep, the longest unused go first and no more than needed", async () => {
  await using root = testRoot();
  const names: SnapshotName[] = [];
  {
    await using store = await root.open();
    for (let index = 0; index < 4; index++) {
      const name = await snapshot(store, String(index));
      utimesSync(store.path("snapshots", name, "meta"), new Date(1e9 - index), new Date(1e9 - index));
      names.push(name);
    }
  }
  await using store = await root.open();
  const result = await prune(store, { keepBytes: 2500 });
  assert.deepEqual(
    result.removed.filter(({ kind }) => kind === "snapshot").map(({ name }) => name),
    [names[3], names[2]],
  );
  assert.deepEqual((await prune(store, { keepBytes: 5000 })).removed, []);
});

test("temporary files whose lease was lost are swept", async () => {
  await using root = testRoot();
  await using store = await root.open();
  await using mine = await store.tempDir();
  mkdirSync(store.path("tmp", "0000000000000000-1-0-0"));
  await prune(store);
  assert.deepEqual(
    readdirSync(store.path("tmp")).map((name) => store.path("tmp", name)),
    [mine.path],
  );
});

test("usage says what is there and what all would free, each thing once", async () => {
  await using root = testRoot();
  const { image } = await scene(root);
  await using store = await root.open();
  const rows = new Map((await diskUsage(store)).map((row) => [row.type, row]));
  assert.deepEqual(
    [rows.get("image")?.count, rows.get("snapshot")?.count, rows.get("record")?.count, rows.get("cache-mount")?.count],
    [1, 1, 2, 1],
  );
  assert.equal(rows.get("snapshot")?.bytes, 1000);
  assert.equal(rows.get("blob")?.count, 3);
  assert.ok((rows.get("image")?.bytes ?? 0) > 1000);
  assert.equal(rows.get("image")?.reclaimableBytes, rows.get("image")?.bytes);
  mkdirSync(store.path("containers", "c1"));
  writeContainerHolds(store, "c1", [`image/${image.id}`]);
  const held = new Map((await diskUsage(store)).map((row) => [row.type, row]));
  assert.equal(held.get("image")?.reclaimableBytes, 0);
});

test("an image that has lost its last name goes with what is its own; one that a container uses stays", async () => {
  await using root = testRoot();
  const { image } = await scene(root);
  await using store = await root.open();
  await store.bases.set(chainRecordName(image.id), image);
  assert.deepEqual(kinds(await prune(store)).includes("base"), false, "it has a name");
  await store.refs.delete(APP);
  mkdirSync(store.path("containers", "c1"));
  writeContainerHolds(store, "c1", [`blob/${image.id}`]);
  await prune(store);
  assert.ok(await store.bases.get(chainRecordName(image.id)), "a container uses it");
  writeContainerHolds(store, "c1", []);
  await prune(store);
  assert.deepEqual(
    [(await store.bases.list()).length, await store.snapshots.list(), await store.content.size(image.id)],
    [1, [], undefined],
  );
});

test("a platform of an index that has a name is not an image without one", async () => {
  await using root = testRoot();
  await using store = await root.open();
  const record = await indexed(store);
  assert.deepEqual((await prune(store)).removed, []);
  assert.ok(await store.bases.get(chainRecordName(record.id)));
});

/** An index with a name; its only platform's chain is known by ID alone. */
async function indexed(store: Store): Promise<ImageRecord> {
  const layer = await snapshot(store, "other platform");
  const config = await store.content.put(Buffer.from('{"x":1}'));
  const manifest = encodeManifest({
    schemaVersion: 2,
    mediaType: MEDIA.ociManifest,
    config: { mediaType: MEDIA.ociConfig, digest: config, size: 7 },
    layers: [],
  });
  const child = { mediaType: MEDIA.ociManifest, digest: await store.content.put(manifest), size: manifest.length };
  const index = encodeIndex({ schemaVersion: 2, mediaType: MEDIA.ociIndex, manifests: [child] });
  const target = { mediaType: MEDIA.ociIndex, digest: await store.content.put(index), size: index.length };
  const record = { id: config, target, manifest: child.digest, chain: [layer], createdAtMs: 1000 };
  await store.bases.set(chainRecordName(config), record);
  await store.refs.set(APP, { ...record, id: sha256Digest("another"), manifest: sha256Digest("another manifest"), chain: [] });
  return record;
}

test("removing an image takes what is its own and leaves the build cache", async () => {
  await using root = testRoot();
  const { used, unused, image } = await scene(root);
  await using store = await root.open();
  await store.bases.set(chainRecordName(image.id), image);
  const removal = { refs: new Set([APP]), bases: new Set([chainRecordName(image.id)]) };
  await removeImages(store, removal);
  assert.deepEqual(
    [await store.refs.list(), await store.content.size(image.id), await store.content.size(image.manifest)],
    [[], undefined, undefined],
  );
  assert.deepEqual(new Set(await store.snapshots.list()), new Set([used, unused]), "steps can still use them");
  assert.ok(await store.content.size(sha256Digest("base document")));
});

test("removing an image leaves the layers that another image has", async () => {
  await using root = testRoot();
  const { image } = await scene(root);
  await using store = await root.open();
  const own = await ownSnapshot(root);
  await store.refs.set("docker.io/library/other:latest", { ...image, id: sha256Digest("other"), chain: [...(image.chain ?? []), own] });
  const removed = await removeImages(store, { refs: new Set(["docker.io/library/other:latest"]), bases: new Set() });
  assert.deepEqual(
    removed.removed.filter(({ kind }) => kind === "snapshot").map(({ name }) => name),
    [own],
  );
  assert.equal(await store.content.size(sha256Digest("layer own")), undefined);
});

test("a name that has only just moved can be removed at once", async () => {
  await using root = testRoot();
  const { image } = await scene(root);
  await using store = await root.open();
  const next = { ...image, id: sha256Digest("next") };
  await store.refs.set(APP, next);
  assert.deepEqual(
    store.refs.claimed().map(({ record }) => record.id),
    [next.id, image.id],
    "the former one is still beside it",
  );
  await removeImages(store, { refs: new Set([APP]), bases: new Set() });
  assert.deepEqual(store.refs.claimed(), []);
});

/** A snapshot that nothing holds any more. */
async function ownSnapshot(root: TestRoot): Promise<SnapshotName> {
  await using store = await root.open();
  return await snapshot(store, "own");
}
