import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { loadKernel } from "../../sys/kernel.js";
import { useBridge, whenUnused } from "./bridge-users.js";

test("what was opened for a bridge is closed only when the last of its users has gone", async () => {
  const kernel = loadKernel();
  const stateDir = mkdtempSync(join(tmpdir(), "tsbuild-users-"));
  const place = { stateDir, bridge: "b0" };
  let closed = 0;
  const close = (): Promise<void> => whenUnused(kernel, place, async () => void closed++);
  try {
    const one = await useBridge(kernel, place);
    const two = await useBridge(kernel, place);
    one[Symbol.dispose]();
    await close();
    assert.equal(closed, 0);
    two[Symbol.dispose]();
    await close();
    assert.equal(closed, 1);
  } finally {
    rmSync(stateDir, { recursive: true });
  }
});

test("who comes while the last one closes up waits, and then has the bridge for itself", async () => {
  const kernel = loadKernel();
  const stateDir = mkdtempSync(join(tmpdir(), "tsbuild-users-"));
  const place = { stateDir, bridge: "b0" };
  const order: string[] = [];
  try {
    let finish = (): void => undefined;
    const closing = whenUnused(kernel, place, async () => {
      await new Promise<void>((resolve) => (finish = resolve));
      order.push("closed");
    });
    const coming = useBridge(kernel, place).then((use) => {
      order.push("in use");
      return use;
    });
    finish();
    await closing;
    (await coming)[Symbol.dispose]();
    assert.deepEqual(order, ["closed", "in use"]);
  } finally {
    rmSync(stateDir, { recursive: true });
  }
});
