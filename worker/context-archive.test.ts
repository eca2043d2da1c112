import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { readContextFile } from "./context-archive.js";

function folder(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), "context-archive-"));
  t.after(() => rmSync(dir, { recursive: true }));
  mkdirSync(join(dir, "ctx"));
  return dir;
}

/** What lies in `ctx`, as one file. */
function archive(dir: string, ...flags: readonly string[]): string {
  const path = join(dir, "ctx.tar");
  const { status, stderr } = spawnSync("tar", ["-C", join(dir, "ctx"), ...flags, "-cf", path, "."], { encoding: "utf8" });
  assert.equal(status, 0, stderr);
  return path;
}

test("the Dockerfile of an archive, plain or compressed", async (t) => {
  const dir = folder(t);
  writeFileSync(join(dir, "ctx/Dockerfile"), "FROM a\n");
  mkdirSync(join(dir, "ctx/sub"));
  writeFileSync(join(dir, "ctx/sub/D"), "FROM b\n");
  for (const flags of [[], ["-z"], ["--zstd"]]) {
    assert.deepEqual(await readContextFile(archive(dir, ...flags), "x", undefined), {
      dockerfile: { name: "Dockerfile", text: "FROM a\n" },
      isArchive: true,
    });
  }
  assert.deepEqual((await readContextFile(archive(dir), "x", "./sub/D")).dockerfile, { name: "sub/D", text: "FROM b\n" });
  await assert.rejects(readContextFile(archive(dir), "x", "nope"), { code: "DOCKERFILE_MISSING", message: /nope/ });
});

test("other names count, in order", async (t) => {
  const dir = folder(t);
  writeFileSync(join(dir, "ctx/Containerfile"), "FROM c\n");
  writeFileSync(join(dir, "ctx/dockerfile"), "FROM d\n");
  assert.deepEqual((await readContextFile(archive(dir), "x", undefined)).dockerfile, { name: "dockerfile", text: "FROM d\n" });
});

test("a link leads to another entry of the archive and never to a file of this machine", async (t) => {
  const dir = folder(t);
  const secret = join(dir, "secret");
  writeFileSync(secret, "FROM host\n");
  symlinkSync(secret, join(dir, "ctx/Dockerfile"));
  await assert.rejects(readContextFile(archive(dir), "x", undefined), { code: "DOCKERFILE_MISSING" });
  rmSync(join(dir, "ctx/Dockerfile"));
  symlinkSync("../../../deep/D", join(dir, "ctx/Dockerfile"));
  mkdirSync(join(dir, "ctx/deep"));
  writeFileSync(join(dir, "ctx/deep/D"), "FROM inside\n");
  assert.deepEqual((await readContextFile(archive(dir), "x", undefined)).dockerfile, { name: "Dockerfile", text: "FROM inside\n" });
  assert.equal(readFileSync(secret, "utf8"), "FROM host\n");
});

test("links in a circle end", async (t) => {
  const dir = folder(t);
  symlinkSync("other", join(dir, "ctx/Dockerfile"));
  symlinkSync("Dockerfile", join(dir, "ctx/other"));
  await assert.rejects(readContextFile(archive(dir), "x", undefined), { code: "DOCKERFILE_UNREADABLE" });
});

test("an archive that is cut short is an error, not a Dockerfile", async (t) => {
  const dir = folder(t);
  writeFileSync(join(dir, "ctx/Dockerfile"), "FROM a\n");
  writeFileSync(join(dir, "ctx/more"), Buffer.alloc(100_000, "x"));
  for (const flags of [[], ["-z"]]) {
    const path = archive(dir, ...flags);
    const whole = readFileSync(path);
    for (const length of [200, whole.length >> 1]) {
      writeFileSync(path, whole.subarray(0, length));
      await assert.rejects(readContextFile(path, "x", undefined), { code: "CONTEXT_INVALID" }, `${flags.join()} ${length}`);
    }
  }
});

test("a lone Dockerfile is a context without files", async (t) => {
  const path = join(folder(t), "one");
  writeFileSync(path, "FROM a\n");
  assert.deepEqual(await readContextFile(path, "x", undefined), { dockerfile: { name: "Dockerfile", text: "FROM a\n" }, isArchive: false });
  await assert.rejects(readContextFile(path, "x", "sub/Dockerfile"), { code: "CONTEXT_INVALID" });
  writeFileSync(path, "");
  await assert.rejects(readContextFile(path, "x", undefined), { code: "CONTEXT_INVALID", message: /empty/ });
  writeFileSync(path, Buffer.from([70, 0, 71]));
  await assert.rejects(readContextFile(path, "x", undefined), { code: "CONTEXT_INVALID" });
});
