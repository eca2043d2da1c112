/** A reboot (another boot id): what was not synced is checked before it is used, and what was damaged is made anew. */
import assert from "node:assert/strict";
import { readdirSync, rmSync, truncateSync, writeFileSync, existsSync, statSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { filesOf } from "../rig/image.js";
import { mustEnd } from "../rig/process.js";
import { type Rig, rigTest } from "../rig/rig.js";
import { type Step, stepNamed } from "../rig/steps.js";

const REBOOTED = { env: { TSBUILD_TEST_BOOT_ID: "next-boot" } };

async function prepare(rig: Rig): Promise<void> {
  await rig.makeBase();
  rig.write("in.txt", "copied\n");
  rig.dockerfile(
    "FROM base",
    "COPY in.txt /in.txt",
    "RUN echo made > /made.txt",
    "RUN cat /in.txt /made.txt > /both.txt",
    'CMD ["cat", "/both.txt"]',
  );
}

function outcomes(steps: readonly Step[]): readonly string[] {
  return ["COPY in.txt", "RUN echo made", "RUN cat"].map((name) => stepNamed(steps, name).outcome);
}

/** The folder of the snapshot whose layer has `file`. */
function snapshotWith(rig: Rig, file: string): string {
  const folder = join(rig.root, "v1/snapshots");
  const found = readdirSync(folder)
    .map((name) => join(folder, name))
    .find((path) => existsSync(join(path, "fs", file)));
  assert.ok(found !== undefined, `a snapshot has ${file}`);
  return found;
}

async function assertRight(rig: Rig, env: typeof REBOOTED): Promise<void> {
  const image = await rig.exportImage([], env);
  const content = (path: string): string | undefined => filesOf(image).get(path)?.content.toString("utf8");
  assert.deepEqual([content("in.txt"), content("made.txt"), content("both.txt")], ["copied\n", "made\n", "copied\nmade\n"]);
}

rigTest("after a reboot everything is CACHED, and run starts the image", async (rig) => {
  await prepare(rig);
  const first = await rig.build(["-t", "app"]);
  const second = await rig.build(["-t", "app"], REBOOTED);
  assert.deepEqual(outcomes(second.steps), ["CACHED", "CACHED", "CACHED"]);
  assert.equal(second.imageId, first.imageId);
  const ran = mustEnd(await rig.tsbuild(["run", "--rm", "--network=none", "app"], REBOOTED));
  assert.equal(ran.stdout, "copied\nmade\n");
});

rigTest("what was built but not synced is CACHED after a reboot when it is whole", async (rig) => {
  await prepare(rig);
  const first = await rig.build();
  const second = await rig.build([], REBOOTED);
  assert.deepEqual(outcomes(second.steps), ["CACHED", "CACHED", "CACHED"]);
  assert.equal(second.imageId, first.imageId);
});

const DAMAGES: readonly (readonly [name: string, damage: (snapshot: string) => void])[] = [
  ["a file with other bytes", (snapshot) => overwrite(join(snapshot, "fs/made.txt"))],
  ["an empty file", (snapshot) => truncateSync(join(snapshot, "fs/made.txt"))],
  ["a missing file", (snapshot) => rmSync(join(snapshot, "fs/made.txt"))],
  ["a torn file list", (snapshot) => truncateSync(join(snapshot, "files"), 10)],
  ["a missing snapshot", (snapshot) => rmSync(snapshot, { recursive: true })],
];

/** Size and time stay what they were. */
function overwrite(path: string): void {
  const { atime, mtime } = statSync(path);
  writeFileSync(path, "fake\n");
  utimesSync(path, atime, mtime);
}

for (const [name, damage] of DAMAGES) {
  rigTest(`${name} in a snapshot that a reboot cut short is a miss that heals`, async (rig) => {
    await prepare(rig);
    await rig.build();
    damage(snapshotWith(rig, "made.txt"));
    const healed = await rig.build([], REBOOTED);
    assert.deepEqual(
      outcomes(healed.steps),
      ["CACHED", "RAN", "CACHED"].map((word, index) => (index === 2 ? (outcomes(healed.steps)[2] ?? "") : word)),
    );
    assert.notEqual(outcomes(healed.steps)[2], "FAILED");
    await assertRight(rig, REBOOTED);
    const again = await rig.build([], REBOOTED);
    assert.deepEqual(outcomes(again.steps), ["CACHED", "CACHED", "CACHED"]);
  });
}
