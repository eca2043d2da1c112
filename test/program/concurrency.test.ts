/** Many builds at once, and many steps at once. */
import assert from "node:assert/strict";
import { mustEnd } from "../rig/process.js";
import { type BuildRun, rigTest } from "../rig/rig.js";

rigTest("8 builds of one Dockerfile at once run every step once in all, and come to one image", async (rig) => {
  await rig.makeBase();
  rig.write("in.txt", "in\n");
  rig.dockerfile(
    "FROM scratch AS tools",
    "COPY in.txt /in.txt",
    "FROM base AS left",
    "RUN sleep 0.3; date +%s%N > /left",
    "FROM base AS right",
    "COPY --from=tools /in.txt /",
    "RUN head -c 16 /dev/urandom | md5sum > /right",
    "FROM base",
    "COPY --from=left /left /",
    "COPY --from=right /right /",
    "RUN cat /left /right > /both",
  );
  const builds: readonly BuildRun[] = await Promise.all(Array.from({ length: 8 }, () => rig.build()));
  assert.equal(new Set(builds.map(({ imageId }) => imageId)).size, 1, "one image ID");
  const names =
    builds[0]?.steps.map(({ name }) => name).filter((name) => !name.startsWith("[internal]") && !name.includes("FROM docker.io")) ?? [];
  assert.equal(names.length, 7);
  const counts = names.map(
    (name) => builds.filter(({ steps }) => steps.some((step) => step.name === name && step.outcome === "RAN")).length,
  );
  assert.deepEqual(
    Object.fromEntries(names.map((name, index) => [name, counts[index]])),
    Object.fromEntries(names.map((name) => [name, 1])),
  );
  const others = builds
    .flatMap(({ steps }) => steps.map(({ outcome }) => outcome))
    .filter((outcome) => outcome !== "RAN" && outcome !== "CACHED");
  assert.deepEqual(others, []);
});

rigTest("32 stages that wait two seconds each are done within twice the time of one", async (rig) => {
  await rig.makeBase();
  rig.dockerfile("FROM base", "RUN sleep 2");
  const one = await rig.build();
  const stages = Array.from({ length: 32 }, (_, index) => [`FROM base AS s${index}`, `RUN sleep 2; echo ${index} > /out${index}`]).flat();
  const copies = Array.from({ length: 32 }, (_, index) => `COPY --from=s${index} /out${index} /`);
  rig.dockerfile(...stages, "FROM scratch", ...copies);
  // The best of three: others may use the machine, and the steps themselves need no processor.
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 3 && best >= 2 * one.ms; round++) best = Math.min(best, (await rig.build(["--no-cache"])).ms);
  assert.ok(best < 2 * one.ms, `32 took ${Math.round(best)} ms, one ${Math.round(one.ms)} ms`);
});

rigTest("when the build that runs a step is killed, the one that waits for it takes over", async (rig) => {
  await rig.makeBase();
  rig.dockerfile("FROM base", "RUN echo started; sleep 1; echo made > /made");
  const args = ["build", "--progress=plain", rig.context];
  const first = rig.start(args);
  await first.until(({ stderr }) => /^#\d+ \S+ started$/m.test(stderr));
  const second = rig.start(args);
  await second.until(({ stderr }) => stderr.includes("waits for another build"));
  first.killGroup("SIGKILL");
  const { stderr } = mustEnd(await second.ended);
  await first.ended;
  assert.match(stderr, /^#\d+ \S+ started$/m);
  const third = await rig.build();
  assert.deepEqual(
    third.steps.filter(({ outcome }) => outcome !== "CACHED"),
    [],
  );
});
