import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { sha256Digest } from "../base/digest.js";
import { TsbuildError } from "../base/errors.js";
import { afterReboot, OtherProcess, testRoot } from "./testing.js";

const HELLO = sha256Digest("hello");

function fails(code: string): (error: unknown) => boolean {
  return (error) => error instanceof TsbuildError && error.code === code;
}

test("what was put is read, streamed, listed, sized and deleted", async () => {
  await using root = testRoot();
  await using store = await root.open();
  assert.equal(await store.content.put(Buffer.from("hello")), HELLO);
  assert.equal(await store.content.put(Buffer.from("hello"), HELLO), HELLO);
  assert.equal(await store.content.size(HELLO), 5);
  assert.equal(String(await store.content.read(HELLO)), "hello");
  assert.equal(Buffer.concat(await store.content.stream(HELLO).toArray()).toString(), "hello");
  const listed = [];
  for await (const blob of store.content.list()) listed.push(blob);
  assert.deepEqual(listed, [{ digest: HELLO, size: 5 }]);
  await store.content.delete(HELLO);
  await store.content.delete(HELLO);
  assert.equal(await store.content.size(HELLO), undefined);
  await assert.rejects(store.content.read(HELLO), fails("CONTENT_MISSING"));
});

test("content that is not what was expected is refused and leaves nothing", async () => {
  await using root = testRoot();
  await using store = await root.open();
  await assert.rejects(store.content.put(Buffer.from("other"), HELLO), fails("CONTENT_MISMATCH"));
  for (const expected of [{ digest: HELLO }, { size: 4 }]) {
    await using writer = await store.content.writer();
    await writer.write(Buffer.from("other"));
    await assert.rejects(writer.commit(expected), fails("CONTENT_MISMATCH"));
  }
  assert.deepEqual(readdirSync(store.path("tmp")), []);
  assert.deepEqual(readdirSync(store.path("content", "sha256")), []);
});

test("an ingestion shows nothing before its commit", async () => {
  await using root = testRoot();
  await using store = await root.open();
  await using writer = await store.content.writer();
  await writer.write(Buffer.from("hel"));
  await writer.write(Buffer.from("lo"));
  assert.equal(await store.content.size(HELLO), undefined);
  assert.equal(await writer.commit({ digest: HELLO, size: 5 }), HELLO);
  assert.equal(await store.content.size(HELLO, 5), 5);
  await using direct = await store.content.writer();
  writeFileSync(direct.path, "direct");
  await direct.commitAs(sha256Digest("direct"));
  assert.equal(String(await store.content.read(sha256Digest("direct"))), "direct");
  await using empty = await store.content.writer();
  assert.equal(await empty.commit(), sha256Digest(""));
});

test("a blob that is damaged is dropped; one that is merely not what somebody expects stays", async () => {
  await using root = testRoot();
  await using store = await root.open();
  await store.content.put(Buffer.from("hello"));
  assert.equal(await store.content.size(HELLO, 6), undefined);
  assert.ok(existsSync(store.content.path(HELLO)));
  truncateSync(store.content.path(HELLO), 2);
  assert.equal(await store.content.size(HELLO, 5), undefined);
  assert.ok(!existsSync(store.content.path(HELLO)));
  await store.content.put(Buffer.from("hello"));
  writeFileSync(store.content.path(HELLO), "jello");
  await assert.rejects(store.content.read(HELLO), fails("CONTENT_MISSING"));
  assert.ok(!existsSync(store.content.path(HELLO)));
});

test("more than the caller will read is refused", async () => {
  await using root = testRoot();
  await using store = await root.open();
  await store.content.put(Buffer.from("hello"));
  await assert.rejects(store.content.read(HELLO, 4), fails("CONTENT_TOO_LARGE"));
});

test("after a reboot an unsynced blob is proved by its digest: kept when whole, a miss when not", async () => {
  await using root = testRoot();
  const other = sha256Digest("other");
  {
    await using store = await root.open();
    await store.content.put(Buffer.from("hello"));
    await store.content.put(Buffer.from("other"));
    writeFileSync(store.content.path(other), "ot\0\0\0");
    assert.equal(await store.content.size(other), 5, "within the boot it is taken as it is");
  }
  await afterReboot(async () => {
    await using store = await root.open();
    assert.equal(await store.content.size(HELLO), 5);
    assert.equal(await store.content.size(other), undefined);
  });
  await afterReboot(async () => {
    await using store = await root.open();
    writeFileSync(store.content.path(HELLO), "jello");
    assert.equal(await store.content.size(HELLO), 5, "proved once, not again");
  }, "third-boot");
});

test("what was synced before a reboot is not read again", async () => {
  await using root = testRoot();
  {
    await using store = await root.open();
    await store.content.put(Buffer.from("hello"));
    await new Promise((resolve) => setTimeout(resolve, 2));
    await store.sync();
    writeFileSync(store.content.path(HELLO), "jello");
  }
  await afterReboot(async () => {
    await using store = await root.open();
    assert.equal(await store.content.size(HELLO), 5);
  });
});

test("two processes that store the same blob both succeed, and one file is there", async () => {
  await using root = testRoot();
  const body = `
    const writer = await store.content.writer();
    await writer.write(Buffer.alloc(100000, "x"));
    say("ready");
    await told();
    say(await writer.commit());
    await store[Symbol.asyncDispose]();`;
  await using a = new OtherProcess(root.root, body);
  await using b = new OtherProcess(root.root, body);
  await Promise.all([a.line(), b.line()]);
  a.tell();
  b.tell();
  const digest = sha256Digest(Buffer.alloc(100000, "x"));
  assert.deepEqual(await Promise.all([a.line(), b.line()]), [digest, digest]);
  await Promise.all([a.ended(), b.ended()]);
  await using store = await root.open();
  assert.deepEqual(readdirSync(store.path("content", "sha256")).length, 1);
  assert.deepEqual([...readdirSync(store.path("tmp")), ...readdirSync(store.path("leases"))], []);
  assert.equal(statSync(store.content.path(digest)).size, 100000);
});

test("R-18: a folder where a blob or a record belongs is damage: it is dropped, and what belongs there is stored", async () => {
  await using root = testRoot();
  await using store = await root.open();
  mkdirSync(`${store.content.path(HELLO)}/junk`, { recursive: true });
  assert.equal(await store.content.put(Buffer.from("hello")), HELLO);
  assert.deepEqual(await store.content.read(HELLO), Buffer.from("hello"));
  await store.content.delete(HELLO);
  mkdirSync(`${store.content.path(HELLO)}/junk`, { recursive: true });
  await using writer = await store.content.writer();
  await writer.write(Buffer.from("hello"));
  assert.equal(await writer.commit(), HELLO);
  assert.deepEqual(await store.content.read(HELLO), Buffer.from("hello"));
});
