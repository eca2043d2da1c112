/** `kill -9` of the whole process group at random moments: nothing stays behind, and the next build is right. */
import assert from "node:assert/strict";
import { mkdirSync, readdirSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { serveLayout } from "../rig/fake-registry.js";
import { type ValidImage, filesOf, listing, timelessConfig, validateImage } from "../rig/image.js";
import {
  descendants,
  hostMounts,
  isRunning,
  leftovers,
  livingNamespaces,
  machineState,
  namespacesBelow,
  processesOf,
  storeState,
} from "../rig/machine.js";
import { eventually, must, mustEnd } from "../rig/process.js";
import { Rig, rigTest } from "../rig/rig.js";

const MOMENTS = 30;
const AT_ONCE_MS = 1000;

/** Parallel steps, network, copies of many files and steps that wait for others. */
const LINES = [
  "FROM base AS one",
  "COPY many /one",
  "RUN for i in 1 2 3 4 5 6 7 8; do find /one -type f | xargs cat > /sum$i; done; sleep 0.1; cat /sum1 | md5sum > /one.txt",
  "FROM base AS two",
  "RUN ip -4 addr show dev eth0 > /dev/null && sleep 0.2 && echo two > /two.txt",
  "RUN --mount=type=cache,target=/cache echo more >> /two.txt; sleep 0.1",
  "FROM base AS three",
  "RUN --network=none sleep 0.1; mkdir /three; ln -s /etc /three/link; echo three > /three/file; chown 1000:1000 /three/file",
  "FROM base",
  "COPY --from=one /one.txt /",
  "COPY --from=two /two.txt /",
  "COPY --from=three /three /three",
  "RUN rm /etc/group && cat /*.txt > /all",
  "COPY many /many",
];

/** A generator of numbers from 0 to 1 that can be started again (mulberry32). */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function prepare(rig: Rig): void {
  for (let index = 0; index < 400; index++) rig.write(`many/${index % 20}/${index}.txt`, `${index}\n`.repeat(100));
  rig.dockerfile(...LINES);
}

async function builtImage(rig: Rig, root: string): Promise<{ readonly image: ValidImage; readonly ms: number }> {
  const [archive, layout] = [rig.path("image.tar"), rig.path("layout")];
  const { ms } = mustEnd(await rig.tsbuild(buildArgs(rig, archive), { root }));
  await must("rm", "-rf", layout);
  mkdirSync(layout);
  await must("tar", "-xf", archive, "-C", layout);
  return { image: await validateImage(layout), ms };
}

function buildArgs(rig: Rig, archive: string): readonly string[] {
  return ["build", "--progress=plain", "-o", `type=oci,dest=${archive}`, "-t", "built", rig.context];
}

/** The base goes into a store that is copied: each moment begins with nothing else in it. */
async function freshStore(rig: Rig, name: string): Promise<string> {
  const root = rig.path(name);
  await must("cp", "-a", rig.path("template"), root);
  return root;
}

test(`kill -9 at ${MOMENTS} random moments of a build`, async (context) => {
  using rig = new Rig();
  prepare(rig);
  await rig.makeBase();
  await must("cp", "-a", rig.root, rig.path("template"));
  const undisturbed = await builtImage(rig, rig.root);
  const seed = Number(process.env["TSBUILD_TEST_SEED"] ?? Date.now() % 1_000_000);
  context.diagnostic(`TSBUILD_TEST_SEED=${seed}; an undisturbed build takes ${Math.round(undisturbed.ms)} ms`);
  const random = randomNumbers(seed);
  const before = machineState();
  // One store is killed again and again, so that later builds find what earlier ones left; it starts anew every tenth time.
  let root = "";
  for (let moment = 0; moment < MOMENTS; moment++) {
    if (moment % 10 === 0) root = await freshStore(rig, `store-${moment}`);
    if (moment % 5 === 0) rig.write("many/0/0.txt", `moment ${moment}\n`);
    const afterMs = 20 + random() * undisturbed.ms;
    await context.test(`after ${Math.round(afterMs)} ms`, async () => {
      await killOnce(rig, root, afterMs);
      mustEnd(await rig.tsbuild(["version"], { root }));
      mustEnd(await rig.tsbuild(["build", "-q", "--network=none", rig.path("base-context")], { root }));
      assert.deepEqual(await leftovers(before, () => new Set([...machineState(), ...storeState(root)])), [], "after the next command");
    });
    if (moment % 5 === 4) await context.test("the next build is that of an undisturbed store", async () => assertSame(rig, root));
  }
});

for (const type of ["tar", "oci"] as const) {
  rigTest(`an archive (${type}) that a killed build was writing is not there, and its draft goes with the next command`, async (rig) => {
    writeFileSync(join(rig.context, "large"), "");
    truncateSync(join(rig.context, "large"), 400 * 2 ** 20);
    rig.dockerfile("FROM scratch", "COPY large /");
    const folder = rig.path("out");
    mkdirSync(folder);
    const args = [
      "build",
      "-o",
      `type=${type},compression=uncompressed,dest=${join(folder, "it.tar")}`.replace(type === "tar" ? "compression=uncompressed," : "", ""),
      rig.context,
    ];
    const build = rig.start(args);
    const draft = await eventually(() => readdirSync(folder)[0], 60_000);
    build.killGroup("SIGKILL");
    await build.ended;
    assert.ok(draft !== undefined && draft !== "it.tar", "killed while it was being written");
    assert.deepEqual(readdirSync(folder), [draft]);
    mustEnd(await rig.tsbuild(args));
    assert.deepEqual(readdirSync(folder), ["it.tar"]);
  });
}

rigTest("kill -9 during a pull leaves nothing half-written, and the next build pulls the rest", async (rig) => {
  await rig.makeBase();
  rig.dockerfile("FROM base");
  await rig.exportImage();
  await using registry = await serveLayout(rig.layoutPath);
  rig.dockerfile(`FROM ${registry.host}/far/away`, "RUN --network=none echo pulled > /file");
  const other = { root: rig.path("other") };
  const isLayer = (bytes: Buffer): boolean => bytes[0] !== 0x7b;
  for (const whole of [0, 1, 0]) {
    let sent = 0;
    registry.mischief = (_digest, bytes) => (isLayer(bytes) && ++sent > whole ? "stall" : undefined);
    const build = rig.start(["build", rig.context], other);
    assert.equal(await eventually(() => (sent > whole ? true : undefined), 20_000), true);
    await new Promise((resolve) => setTimeout(resolve, 50));
    const pids = descendants(build.pid);
    build.killGroup("SIGKILL");
    const left = await eventually(() => (leftNow(other.root, pids, []).length === 0 ? [] : undefined), AT_ONCE_MS);
    assert.deepEqual(left ?? leftNow(other.root, pids, []), []);
    await build.ended;
  }
  registry.mischief = () => undefined;
  const image = await rig.exportImage([], other);
  assert.equal(filesOf(image).get("file")?.content.toString("utf8"), "pulled\n");
  const pulled = listing(image).filter((line) => !line.startsWith("file "));
  rig.dockerfile("FROM base");
  assert.deepEqual(pulled, listing(await rig.exportImage()));
  assert.deepEqual([...storeState(other.root)], []);
});

async function killOnce(rig: Rig, root: string, afterMs: number): Promise<void> {
  const build = rig.start(buildArgs(rig, rig.path("killed.tar")), { root });
  await Promise.race([build.ended, new Promise((resolve) => setTimeout(resolve, afterMs))]);
  const pids = descendants(build.pid);
  const namespaces = namespacesBelow(build.pid);
  build.killGroup("SIGKILL");
  const since = performance.now();
  const left = await eventually(() => (leftNow(root, pids, namespaces).length === 0 ? [] : undefined), AT_ONCE_MS);
  assert.deepEqual(left ?? leftNow(root, pids, namespaces), [], `${AT_ONCE_MS} ms after the kill`);
  assert.ok(performance.now() - since < 2 * AT_ONCE_MS);
  await build.ended;
}

function leftNow(root: string, pids: readonly number[], namespaces: readonly string[]): readonly string[] {
  const alive = pids.filter(isRunning).map((pid) => `process ${pid}`);
  return [...alive, ...processesOf(root), ...hostMounts(root), ...livingNamespaces(namespaces)];
}

async function assertSame(rig: Rig, root: string): Promise<void> {
  const clean = await freshStore(rig, "clean");
  const [expected, found] = [await builtImage(rig, clean), await builtImage(rig, root)];
  await must("rm", "-rf", clean);
  assert.deepEqual(listing(found.image), listing(expected.image));
  assert.deepEqual(timelessConfig(found.image), timelessConfig(expected.image));
}
