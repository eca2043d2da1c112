import assert from "node:assert/strict";
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { Worker } from "node:worker_threads";
import { Flow } from "./flow.js";
import { Pools } from "./pool.js";

const SIGNAL = new AbortController().signal;

test("R-14: a task whose thread dies is done again by another thread", { timeout: 60_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), "tsbuild-pool-"));
  const workers: Worker[] = [];
  const onWorker = (worker: Worker): void => void workers.push(worker);
  process.on("worker", onWorker);
  try {
    // Takes the thread a second or so, and no space.
    writeFileSync(join(folder, "big"), "");
    truncateSync(join(folder, "big"), 1_500_000_000);
    await using pools = new Pools(1);
    // The pool's thread is known to be up after this.
    await pools.run({ type: "hash-files", root: folder, files: [] }, { signal: SIGNAL });
    const hashing = pools.run({ type: "hash-files", root: folder, files: [{ path: "big", size: 1_500_000_000 }] }, { signal: SIGNAL });
    await new Promise((resolve) => setImmediate(resolve));
    const before = workers.length;
    await Promise.all(workers.slice(0, before).map((worker) => worker.terminate()));
    const [hashed] = await hashing;
    assert.ok(workers.length > before, "a new thread was made");
    assert.match(hashed?.digest ?? "", /^sha256:/);
  } finally {
    process.off("worker", onWorker);
    rmSync(folder, { recursive: true });
  }
});

test("R-39: whoever is far ahead waits until enough has been taken", async () => {
  const flow = new Flow();
  assert.equal(flow.sent(4 * 1024 * 1024), undefined);
  let isGoing = false;
  const waiting = flow.sent(1)?.then(() => (isGoing = true));
  assert.ok(waiting !== undefined);
  flow.taken(1024);
  await Promise.resolve();
  assert.equal(isGoing, false);
  flow.taken(3 * 1024 * 1024);
  await waiting;
  assert.equal(isGoing, true);
});
