import assert from "node:assert/strict";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { FdWriter } from "./fd-writer.js";

test("what is written arrives whole and in order", async () => {
  const folder = mkdtempSync(join(tmpdir(), "fd-writer-"));
  try {
    const path = join(folder, "out");
    const fd = openSync(path, "w");
    const writer = new FdWriter(fd);
    const lines = Array.from({ length: 5000 }, (_, index) => `line ${index}\n`);
    for (const line of lines) writer.write(line);
    assert.ok(writer.backlogBytes > 0);
    await writer.flush();
    closeSync(fd);
    assert.equal(writer.backlogBytes, 0);
    assert.equal(readFileSync(path, "utf8"), lines.join(""));
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("a descriptor that nobody reads is given up without an error", async () => {
  const fd = openSync("/dev/full", "w");
  const writer = new FdWriter(fd);
  writer.write("lost");
  await writer.flush();
  writer.write("lost too");
  await writer.flush();
  closeSync(fd);
});
