import assert from "node:assert/strict";
import { rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readdirSync } from "node:fs";
import { test } from "node:test";
import { encodeManifest } from "../image/write.js";
import { MEDIA } from "../image/types.js";
import type { Store } from "./store.js";
import { afterReboot, testRoot } from "./testing.js";
import type { ImageRecord } from "./types.js";

const APP = "docker.io/library/app:latest";

/** An image whose only layer is the text. */
async function makeImage(store: Store, text: string): Promise<ImageRecord> {
  const config = await store.content.put(Buffer.from(`{"text":"${text}"}`));
  const layer = await store.content.put(Buffer.from(text));
  const manifest = encodeManifest({
    schemaVersion: 2,
    mediaType: MEDIA.ociManifest,
    config: { mediaType: MEDIA.ociConfig, digest: config, size: text.length + 11 },
    layers: [{ mediaType: MEDIA.ociLayer, digest: layer, size: text.length }],
  });
  const digest = await store.content.put(manifest);
  return { id: config, target: { mediaType: MEDIA.ociManifest, digest, size: manifest.length }, manifest: digest, createdAtMs: 1 };
}

test("a name is set, moved, listed and deleted", async () => {
  await using root = testRoot();
  await using store = await root.open();
  const [one, two] = [await makeImage(store, "one"), await makeImage(store, "two")];
  assert.equal(await store.refs.get(APP), undefined);
  await store.refs.set(APP, one);
  await store.refs.set("localhost/b:1", one);
  await store.refs.set(APP, two);
  assert.deepEqual(await store.refs.get(APP), two);
  assert.deepEqual(
    (await store.refs.list()).map(({ name, record }) => [name, record.id]),
    [
      [APP, two.id],
      ["localhost/b:1", one.id],
    ],
  );
  assert.equal(await store.refs.delete(APP), true);
  assert.equal(await store.refs.delete(APP), false);
  assert.equal(await store.refs.get(APP), undefined);
  assert.equal((await store.refs.list()).length, 1);
});

test("after a reboot an unsynced name is kept when its image is whole", async () => {
  await using root = testRoot();
  let image: ImageRecord;
  {
    await using store = await root.open();
    image = await makeImage(store, "one");
    await store.refs.set(APP, image);
  }
  await afterReboot(async () => {
    await using store = await root.open();
    assert.deepEqual(await store.refs.get(APP), image);
  });
  assert.deepEqual(root.notes, []);
});

for (const what of ["its layer is lost", "its config is torn", "its record is torn"]) {
  test(`a name falls back to its last good image when ${what}, and says so`, async () => {
    await using root = testRoot();
    let good: ImageRecord;
    {
      await using store = await root.open();
      good = await makeImage(store, "good");
      await store.refs.set(APP, good);
      await new Promise((resolve) => setTimeout(resolve, 2));
      await store.sync();
      for (const text of ["between", "newest"]) await store.refs.set(APP, await makeImage(store, text));
      const newest = await makeImage(store, "newest");
      if (what.includes("layer")) rmSync(store.content.path(await store.content.put(Buffer.from("newest"))));
      if (what.includes("config")) truncateSync(store.content.path(newest.id), 3);
      if (what.includes("record"))
        for (const name of readdirSync(store.path("refs"))) if (!name.includes(".")) writeFileSync(join(store.path("refs"), name), "");
    }
    await afterReboot(async () => {
      await using store = await root.open();
      assert.deepEqual(await store.refs.get(APP), good);
      assert.match(root.notes.join(), /app:latest: the newest image did not survive/);
      assert.deepEqual(
        (await store.refs.list()).map(({ record }) => record.id),
        [good.id],
      );
      assert.equal(root.notes.length, 1, "said once");
    });
  });
}

test("a lost image without a former one is no image", async () => {
  await using root = testRoot();
  {
    await using store = await root.open();
    const image = await makeImage(store, "one");
    await store.refs.set(APP, image);
    rmSync(store.content.path(image.manifest));
  }
  await afterReboot(async () => {
    await using store = await root.open();
    assert.equal(await store.refs.get(APP), undefined);
    assert.deepEqual(await store.refs.list(), []);
  });
});
