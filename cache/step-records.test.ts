import assert from "node:assert/strict";
import { readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { sha256Digest } from "../base/digest.js";
import type { Store } from "./store.js";
import { afterReboot, snapshotName, stepKey, testRoot } from "./testing.js";
import type { StepRecord } from "./types.js";

function record(text: string, more: Partial<StepRecord> = {}): StepRecord {
  return {
    key: stepKey(text),
    identity: sha256Digest(text),
    chain: [snapshotName("b".repeat(20))],
    place: "Dockerfile:0/3",
    name: `RUN ${text}`,
    parts: [
      { name: "command", value: text },
      { name: "env A", value: "1" },
    ],
    createdAtMs: 5,
    durationMs: 7,
    logPath: "builds/x/log",
    ...more,
  };
}

function smallPath(store: Store, text: string): string {
  return join(store.path("steps"), stepKey(text).slice(0, 2), stepKey(text));
}

test("a record is found under all its keys, parts included", async () => {
  await using root = testRoot();
  await using store = await root.open();
  await store.steps.put([stepKey("also"), stepKey("a")], record("a"));
  for (const key of [stepKey("a"), stepKey("also")]) assert.deepEqual({ ...(await store.steps.get(key)) }, record("a"));
  assert.equal(await store.steps.get(stepKey("none")), undefined);
  assert.deepEqual(readdirSync(store.path("tmp")), []);
});

test("a hit doesn't read the parts; without them they are none", async () => {
  await using root = testRoot();
  await using store = await root.open();
  await store.steps.put([], record("a"));
  assert.ok(!readFileSync(smallPath(store, "a"), "utf8").includes("env A"));
  rmSync(`${smallPath(store, "a")}.parts`);
  assert.deepEqual((await store.steps.get(stepKey("a")))?.parts, []);
});

test("a record that is torn or changed is a miss, and heals with the next put", async () => {
  await using root = testRoot();
  await using store = await root.open();
  const path = smallPath(store, "a");
  const damages = [
    (): void => truncateSync(path, 0),
    (): void => truncateSync(path, 60),
    (): void => writeFileSync(path, readFileSync(path, "utf8").replace("RUN a", "RUN b")),
  ];
  for (const damage of damages) {
    await store.steps.put([], record("a"));
    assert.ok(await store.steps.get(stepKey("a")));
    damage();
    assert.equal(await store.steps.get(stepKey("a")), undefined);
  }
});

test("a place knows its newest records, newest first, each once", async () => {
  await using root = testRoot();
  await using store = await root.open();
  for (const text of ["a", "b", "c", "a"]) await store.steps.put([], record(text));
  await store.steps.put([], record("elsewhere", { place: "other" }));
  const names = async (limit: number): Promise<readonly string[]> =>
    (await store.steps.atPlace("Dockerfile:0/3", limit)).map(({ name }) => name);
  assert.deepEqual(await names(9), ["RUN a", "RUN c", "RUN b"]);
  assert.deepEqual(await names(1), ["RUN a"]);
  rmSync(smallPath(store, "a"));
  assert.deepEqual(await names(1), ["RUN c"]);
  assert.deepEqual(await store.steps.atPlace("nowhere", 3), []);
});

test("records outlive a reboot and a lost folder", async () => {
  await using root = testRoot();
  {
    await using store = await root.open();
    await store.steps.put([], record("a"));
  }
  await afterReboot(async () => {
    await using store = await root.open();
    assert.ok(await store.steps.get(stepKey("a")));
    rmSync(store.path("steps"), { recursive: true });
    rmSync(store.path("places"), { recursive: true });
    assert.equal(await store.steps.get(stepKey("a")), undefined);
    await store.steps.put([], record("a"));
    assert.ok(await store.steps.get(stepKey("a")));
  });
});
