import assert from "node:assert/strict";
import { readFileSync, truncateSync, writeFileSync } from "node:fs";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { sha256Digest } from "../base/digest.js";
import { isSettled, StatCache } from "./stat-cache.js";
import type { FileState } from "./stat-cache.js";
import type { Store } from "./store.js";
import { testRoot } from "./testing.js";

const DIGEST = sha256Digest("x");

function state(number: number): FileState {
  const n = BigInt(number);
  return { size: n, mtimeNs: 1_600_000_000_000_000_001n + n, ctimeNs: 1_600_000_000_000_000_002n + n, ino: 2n ** 62n + n, dev: 66n };
}

function filePath(store: Store): string {
  return join(store.path("stat"), readdirSync(store.path("stat"))[0] ?? "");
}

test("a file in the same state has the digest it had; any difference is a miss", async () => {
  await using root = testRoot();
  await using store = await root.open();
  const cache = await StatCache.load(store, "/ctx");
  const names = ["a", "dir/é", "bad\udcff", ""];
  names.forEach((name, index) => cache.set(name, state(index), sha256Digest(name)));
  assert.equal(cache.get("a", state(0)), sha256Digest("a"));
  await cache.save();
  const again = await StatCache.load(store, "/ctx");
  names.forEach((name, index) => assert.equal(again.get(name, state(index)), sha256Digest(name), name));
  for (const member of ["size", "mtimeNs", "ctimeNs", "ino", "dev"] as const) {
    assert.equal(again.get("a", { ...state(0), [member]: 77n }), undefined, member);
  }
  assert.equal(again.get("none", state(0)), undefined);
  assert.equal((await StatCache.load(store, "/other")).get("a", state(0)), undefined);
});

test("nothing is written when nothing was learnt; what was not seen goes with the next write", async () => {
  await using root = testRoot();
  await using store = await root.open();
  const first = await StatCache.load(store, "/ctx");
  for (const name of ["a", "b"]) first.set(name, state(1), DIGEST);
  await first.save();
  const before = readFileSync(filePath(store));
  const second = await StatCache.load(store, "/ctx");
  assert.ok(second.get("a", state(1)));
  await second.save();
  assert.deepEqual(readFileSync(filePath(store)), before);
  second.set("c", state(2), DIGEST);
  await second.save();
  const third = await StatCache.load(store, "/ctx");
  assert.deepEqual(
    ["a", "b", "c"].map((name, index) => third.get(name, state(index === 2 ? 2 : 1)) !== undefined),
    [true, false, true],
  );
});

test("a file that may still have been changing is not trusted", async () => {
  await using root = testRoot();
  await using store = await root.open();
  const cache = await StatCache.load(store, "/ctx");
  const now = BigInt(Date.now()) * 1_000_000n + 1n;
  cache.set("fresh", { ...state(1), ctimeNs: now }, DIGEST);
  cache.set("settled", { ...state(1), ctimeNs: now - 3_000_000_000n }, DIGEST);
  await cache.save();
  const again = await StatCache.load(store, "/ctx");
  assert.equal(again.get("fresh", { ...state(1), ctimeNs: now }), undefined);
  assert.equal(again.get("settled", { ...state(1), ctimeNs: now - 3_000_000_000n }), DIGEST);
});

test("how long a file has to rest depends on what its filesystem's clock counts", () => {
  const now = 1_700_000_000_000_000_000n;
  const at = (mtimeNs: bigint, ctimeNs: bigint): boolean => isSettled({ mtimeNs, ctimeNs }, now);
  const [ms, s] = [1_000_000n, 1_000_000_000n];
  assert.equal(at(0n, now - 100n * ms + 7n), true);
  assert.equal(at(0n, now - 20n * ms + 7n), false);
  assert.equal(at(0n, now - 1n * s), false, "whole milliseconds: perhaps FAT");
  assert.equal(at(0n, now - 3n * s), true);
  assert.equal(at(now - 7n, 7n), false);
  assert.equal(at(now + 3600n * s, 7n), true, "set to the future by somebody");
});

test("a file that is torn, changed or foreign is an empty cache", async () => {
  await using root = testRoot();
  await using store = await root.open();
  const fill = async (): Promise<void> => {
    const cache = await StatCache.load(store, "/ctx");
    for (let index = 0; index < 50; index++) cache.set(`f${index}`, state(index), DIGEST);
    await cache.save();
  };
  await fill();
  const whole = readFileSync(filePath(store));
  for (let at = 0; at < whole.length; at += 97) {
    const changed = Buffer.from(whole);
    changed[at] = (changed[at] ?? 0) ^ 1;
    writeFileSync(filePath(store), changed);
    assert.equal((await StatCache.load(store, "/ctx")).get("f7", state(7)), undefined, `byte ${at}`);
  }
  for (const length of [0, 7, 32, whole.length - 1]) {
    writeFileSync(filePath(store), whole);
    truncateSync(filePath(store), length);
    assert.equal((await StatCache.load(store, "/ctx")).get("f7", state(7)), undefined, `${length} bytes`);
  }
  await fill();
  assert.equal((await StatCache.load(store, "/ctx")).get("f7", state(7)), DIGEST);
});
