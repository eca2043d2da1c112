import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { test } from "node:test";
import { OtherProcess, testRoot } from "./testing.js";

const never = new AbortController().signal;

test("a lock is had by one at a time, within a process too, and leaves no file", async () => {
  await using root = testRoot();
  await using store = await root.open();
  const first = await store.locks.acquire("step x", { signal: never });
  assert.equal(await store.locks.tryAcquire("step x"), undefined);
  await (await store.locks.tryAcquire("step y"))?.[Symbol.asyncDispose]();
  const waits: string[] = [];
  const second = store.locks.acquire("step x", { signal: never, onWait: (owner) => waits.push(owner) });
  await new Promise((resolve) => setTimeout(resolve, 30));
  assert.deepEqual(waits, [`process ${process.pid}`]);
  await first[Symbol.asyncDispose]();
  await first[Symbol.asyncDispose]();
  const held = await second;
  assert.equal(await store.locks.tryAcquire("step x"), undefined);
  await held[Symbol.asyncDispose]();
  assert.deepEqual(readdirSync(store.path("locks")), []);
});

test("waiting ends with the signal's reason", async () => {
  await using root = testRoot();
  await using store = await root.open();
  await using _lock = await store.locks.acquire("x", { signal: never });
  const cancel = new AbortController();
  const waiting = store.locks.acquire("x", { signal: cancel.signal, onWait: () => cancel.abort(new Error("enough")) });
  await assert.rejects(waiting, /enough/);
  await assert.rejects(store.locks.acquire("free", { signal: cancel.signal }), /enough/);
});

test("another process waits, is told by whom, and takes over when the owner is killed", async () => {
  await using root = testRoot();
  await using owner = new OtherProcess(
    root.root,
    `
    await store.locks.acquire("x", { signal: new AbortController().signal });
    say("has it");
    await forever();`,
  );
  assert.equal(await owner.line(), "has it");
  await using store = await root.open();
  let owners = "";
  let killing: Promise<void> | undefined;
  const lock = await store.locks.acquire("x", {
    signal: never,
    onWait: (text) => {
      owners = text;
      killing = owner.kill();
    },
  });
  await killing;
  assert.equal(owners, `process ${owner.pid}`);
  await lock[Symbol.asyncDispose]();
});

test("many processes that race for one lock never have it together", async () => {
  await using root = testRoot();
  await using store = await root.open();
  const body = `
    const { openSync, closeSync, unlinkSync } = await import("node:fs");
    let clashes = 0;
    say("ready");
    await told();
    for (let i = 0; i < 40; i++) {
      const lock = await store.locks.acquire("x", { signal: new AbortController().signal });
      try { closeSync(openSync(store.path("builds", "inside"), "wx")); unlinkSync(store.path("builds", "inside")); } catch { clashes++; }
      await lock[Symbol.asyncDispose]();
    }
    say("clashes " + clashes);`;
  await using a = new OtherProcess(store.root, body);
  await using b = new OtherProcess(store.root, body);
  await Promise.all([a.line(), b.line()]);
  for (const other of [a, b]) other.tell();
  assert.deepEqual(await Promise.all([a.line(), b.line()]), ["clashes 0", "clashes 0"]);
});
