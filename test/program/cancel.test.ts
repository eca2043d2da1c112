/** Ctrl-C: a signal to the whole process group. The build ends within two seconds and leaves nothing. */
import assert from "node:assert/strict";
import { truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { serveLayout } from "../rig/fake-registry.js";
import { mustEnd, type Running } from "../rig/process.js";
import { type Rig, rigTest } from "../rig/rig.js";

const WITHIN_MS = 2000;

async function interrupt(rig: Rig, build: Running): Promise<void> {
  const since = performance.now();
  build.killGroup("SIGINT");
  const { code, stderr } = await build.ended;
  const ms = performance.now() - since;
  assert.equal(code, 130, stderr);
  assert.ok(ms < WITHIN_MS, `it took ${Math.round(ms)} ms`);
  assert.doesNotMatch(stderr, /Internal error/);
  assert.deepEqual(await rig.leftovers(), []);
}

rigTest("during a RUN", async (rig) => {
  await rig.makeBase();
  rig.dockerfile("FROM base", "RUN echo started; sleep 60");
  const build = rig.start(["build", "--progress=plain", rig.context]);
  await build.until(({ stderr }) => /#\d+ \S+ started/.test(stderr));
  await interrupt(rig, build);
});

rigTest("during several RUN that don't listen to signals", async (rig) => {
  await rig.makeBase();
  const stages = ["one", "two", "three"].flatMap((name) => [
    `FROM base AS ${name}`,
    `RUN trap '' INT TERM HUP; echo started ${name}; (sleep 60 & sleep 60 & wait); sleep 60; touch /${name}`,
  ]);
  rig.dockerfile(...stages, "FROM scratch", "COPY --from=one /one /", "COPY --from=two /two /", "COPY --from=three /three /");
  const build = rig.start(["build", "--progress=plain", rig.context]);
  await build.until(({ stderr }) => ["one", "two", "three"].every((name) => new RegExp(`^#\\d+ \\S+ started ${name}$`, "m").test(stderr)));
  await interrupt(rig, build);
  rig.dockerfile("FROM base", "RUN true");
  mustEnd(await rig.tsbuild(["build", rig.context]));
});

rigTest("during a pull from a registry that has gone silent", async (rig) => {
  await rig.makeBase();
  rig.dockerfile("FROM base");
  await rig.exportImage();
  await using registry = await serveLayout(rig.layoutPath);
  registry.mischief = (_digest, bytes) => (bytes[0] === 0x7b ? undefined : "stall");
  rig.dockerfile(`FROM ${registry.host}/far/away`, "RUN true");
  const build = rig.start(["build", "--progress=plain", rig.context], { root: rig.path("other") });
  while (
    !registry.requests.some((path) => path.includes("/blobs/") && path !== registry.requests.find((first) => first.includes("/blobs/")))
  ) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  await interrupt(rig, build);
  registry.mischief = () => undefined;
  mustEnd(await rig.tsbuild(["build", "--network=none", rig.context], { root: rig.path("other") }));
});

for (const afterMs of [300, 900]) {
  rigTest(`during a COPY of a file that takes long, after ${afterMs} ms`, async (rig) => {
    // Without a block on the disk, and yet long to read and to write.
    const path = join(rig.context, "large");
    writeFileSync(path, "");
    truncateSync(path, 20 * 2 ** 30);
    rig.dockerfile("FROM scratch", "COPY large /");
    const build = rig.start(["build", "--progress=plain", rig.context]);
    await build.until(({ stderr }) => stderr.includes("load build context") || stderr.includes("COPY")).catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, afterMs));
    await interrupt(rig, build);
  });
}

rigTest("a second Ctrl-C ends it at once; what that leaves goes with the next command", async (rig) => {
  await rig.makeBase();
  rig.dockerfile("FROM base", "RUN echo started; sleep 60");
  const build = rig.start(["build", "--progress=plain", rig.context]);
  await build.until(({ stderr }) => /#\d+ \S+ started/.test(stderr));
  build.killGroup("SIGINT");
  // Two within 50 ms count as one key press.
  await new Promise((resolve) => setTimeout(resolve, 60));
  const since = performance.now();
  build.killGroup("SIGINT");
  assert.equal((await build.ended).code, 130);
  assert.ok(performance.now() - since < 1000);
  rig.dockerfile("FROM base", "RUN true");
  mustEnd(await rig.tsbuild(["build", rig.context]));
});

for (const [signal, code] of [
  ["SIGTERM", 143],
  ["SIGHUP", 129],
] as const) {
  rigTest(`${signal} ends a build as Ctrl-C does`, async (rig) => {
    await rig.makeBase();
    rig.dockerfile("FROM base", "RUN echo started; sleep 60");
    const build = rig.start(["build", "--progress=plain", rig.context]);
    await build.until(({ stderr }) => /#\d+ \S+ started/.test(stderr));
    process.kill(build.pid, signal);
    assert.equal((await build.ended).code, code);
  });
}
