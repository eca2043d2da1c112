import assert from "node:assert/strict";
import { appendFileSync, existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { heldThings } from "./leases.js";
import { parseLease } from "./lease-file.js";
import type { RecoveryHandlers } from "./recover.js";
import { OtherProcess, testRoot } from "./testing.js";

function recorder(fail: readonly string[] = []): { readonly calls: string[]; readonly handlers: RecoveryHandlers } {
  const calls: string[] = [];
  const note = (what: string): void => {
    calls.push(what);
    if (fail.includes(what)) throw new Error(`can't: ${what}`);
  };
  return {
    calls,
    handlers: {
      removePath: (path) => note(`path ${path}`),
      removeCgroup: (name) => note(`cgroup ${name}`),
      removeNetwork: (id, details) => note(`network ${id} ${JSON.stringify(details)}`),
      removeContainer: (id) => note(`container ${id}`),
    },
  };
}

const OWNER = `
  await store.lease.hold("snapshot/abc", "blob/x");
  await store.lease.own({ type: "cgroup", name: "c1" });
  await store.lease.own({ type: "path", path: "/gone" });
  await store.lease.own({ type: "network", id: "n1", details: { address: "10.0.0.2" } });
  await store.lease.own({ type: "container", id: "k1" });
  await store.lease.release({ type: "path", path: "/gone" });
  const dir = await store.tempDir();
  writeFileSync(dir.path + "/file", "x");
  await store.snapshots.prepare();
  const writer = await store.content.writer();
  await writer.write(Buffer.from("x"));
  say("ready");
  await forever();`;

test("a living process is left alone; a killed one is cleaned up after, newest first", async () => {
  await using root = testRoot();
  await using owner = new OtherProcess(root.root, OWNER);
  assert.equal(await owner.line(), "ready");
  await using store = await root.open();
  const { calls, handlers } = recorder();
  assert.deepEqual(await store.recover(handlers), { deadLeases: 0, removed: [], failures: [] });
  assert.equal(readdirSync(store.path("tmp")).length, 3);
  assert.deepEqual([...heldThings(store.leasePlace)], ["snapshot/abc", "blob/x"]);
  await owner.kill();
  const recovery = await store.recover(handlers);
  assert.deepEqual(calls, ["container k1", 'network n1 {"address":"10.0.0.2"}', "cgroup c1"]);
  assert.deepEqual([recovery.deadLeases, recovery.removed.length, recovery.failures], [1, 3, []]);
  assert.deepEqual([...readdirSync(store.path("tmp")), ...readdirSync(store.path("leases"))], []);
  assert.equal((await store.recover(handlers)).deadLeases, 0);
});

test("what can't be removed is tried again by the next command", async () => {
  await using root = testRoot();
  await using owner = new OtherProcess(root.root, OWNER);
  await owner.line();
  await owner.kill();
  await using store = await root.open();
  const failing = await store.recover(recorder(["cgroup c1"]).handlers);
  assert.deepEqual(
    failing.failures.map(({ resource }) => resource),
    [{ type: "cgroup", name: "c1" }],
  );
  assert.equal(failing.removed.length, 2);
  const again = recorder();
  assert.equal((await store.recover(again.handlers)).failures.length, 0);
  assert.ok(again.calls.includes("cgroup c1"));
});

test("a lease is a file only when there is something to say, and gone with the store", async () => {
  await using root = testRoot();
  {
    await using store = await root.open();
    assert.deepEqual(readdirSync(store.path("leases")), []);
    await store.lease.hold("snapshot/a");
    await store.lease.hold("snapshot/a");
    assert.deepEqual(readdirSync(store.path("leases")), [store.lease.id]);
    assert.equal((await store.recover(recorder().handlers)).deadLeases, 0, "its own is alive");
  }
  await using store = await root.open();
  assert.deepEqual(readdirSync(store.path("leases")), []);
});

test("what is still owned when a store is closed is left to the next command", async () => {
  await using root = testRoot();
  {
    await using store = await root.open();
    await store.lease.own({ type: "cgroup", name: "c" });
  }
  await using store = await root.open();
  const { calls, handlers } = recorder();
  await store.recover(handlers);
  assert.deepEqual(calls, ["cgroup c"]);
});

test("a torn line is skipped and doesn't hide the next", () => {
  const whole = '["own",{"type":"cgroup","name":"a"}]\n["hold","x"]\n["own",{"type":"cgroup","na';
  assert.deepEqual(parseLease(whole), { held: ["x"], owned: [{ type: "cgroup", name: "a" }] });
  assert.deepEqual(parseLease(`${whole}\n["hold","y"]\n`).held, ["x", "y"]);
  assert.deepEqual(parseLease('["own",{"type":"evil"}]\n["own"]\n{}\n7\n'), { held: [], owned: [] });
});

test("temporary folders of the dead are removed whatever is in them, without following links", async () => {
  await using root = testRoot();
  await using store = await root.open();
  const id = "0123456789abcdef";
  writeFileSync(store.path("leases", id), "");
  const outside = join(root.root, "outside");
  mkdirSync(outside);
  writeFileSync(join(outside, "keep"), "");
  const tree = store.path("tmp", `${id}-1-0-0`);
  let deep = tree;
  for (let depth = 0; depth < 60; depth++) deep = join(deep, "d".repeat(60));
  mkdirSync(deep, { recursive: true });
  symlinkSync(outside, join(tree, "link"));
  writeFileSync(Buffer.concat([Buffer.from(`${tree}/`), Buffer.of(0xff, 0xfe)]), "");
  appendFileSync(store.path("tmp", `${id}-1-0-1`), "x");
  assert.equal((await store.recover(recorder().handlers)).deadLeases, 1);
  assert.deepEqual(readdirSync(store.path("tmp")), []);
  assert.ok(existsSync(join(outside, "keep")));
});

test(
  "what is mounted in a dead process's folder is detached, not emptied",
  { skip: process.geteuid?.() !== 0 && "needs root" },
  async () => {
    await using root = testRoot();
    await using store = await root.open();
    const id = "0123456789abcdef";
    writeFileSync(store.path("leases", id), "");
    const outside = join(root.root, "outside");
    const target = store.path("tmp", `${id}-1-0-0`, "mnt");
    for (const path of [outside, target]) mkdirSync(path, { recursive: true });
    writeFileSync(join(outside, "keep"), "");
    store.kernel.bind(outside, target, { readonly: false, recursive: false });
    await store.recover(recorder().handlers);
    assert.deepEqual(readdirSync(store.path("tmp")), []);
    assert.ok(existsSync(join(outside, "keep")));
  },
);
