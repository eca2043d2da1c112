/** The whole way of a build: what is in the image, what is taken from the cache, and what is said about it. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, readdirSync, utimesSync } from "node:fs";
import { test } from "node:test";
import { type ValidImage, filesOf, readTar } from "../rig/image.js";
import { podmanRun, skopeo, withoutOthers } from "../rig/others.js";
import { must, mustEnd } from "../rig/process.js";
import { type BuildRun, type Rig, rigTest } from "../rig/rig.js";
import { parseReasons, stepNamed } from "../rig/steps.js";

const STAGES = [
  "ARG GREETING=hello",
  "FROM base AS build",
  "WORKDIR /src",
  "COPY src .",
  "RUN cat a.txt b.txt > joined && chmod 604 joined",
  "FROM base AS words",
  "ARG GREETING",
  "ENV WORD=$GREETING",
  'RUN echo "$WORD" > /word',
  "FROM base",
  "LABEL kind=test",
  "COPY --from=build /src/joined /out/joined",
  "COPY --from=words --chown=1000:1000 /word /out/",
  "EXPOSE 80",
  "USER user",
  'ENTRYPOINT ["cat"]',
  'CMD ["/out/joined"]',
];

function writeStages(rig: Rig): void {
  rig.write("src/a.txt", "a\n");
  rig.write("src/b.txt", "b\n");
  rig.dockerfile(...STAGES);
}

function contentOf(image: ValidImage, path: string): string {
  const entry = filesOf(image).get(path);
  assert.ok(entry !== undefined, `${path} is in the image`);
  return entry.content.toString("utf8");
}

function outcomes({ steps }: BuildRun): Readonly<Record<string, string>> {
  return Object.fromEntries(
    steps.filter(({ name }) => !name.startsWith("[internal]")).map(({ name, outcome }) => [shortName(name), outcome]),
  );
}

/** `[build 2/3] RUN make` becomes `RUN make`. */
function shortName(name: string): string {
  return name.replace(/^\[[^\]]*\] /, "").replace(/@sha256:\w+/, "");
}

async function reasonsOf(rig: Rig): Promise<ReadonlyMap<string, string>> {
  const built = mustEnd(await rig.tsbuild(["build", "--progress=plain", rig.context]));
  return new Map([...parseReasons(built.stderr)].map(([name, reason]) => [shortName(name), reason]));
}

rigTest("a build of several stages gives the files and the config that the Dockerfile says", async (rig) => {
  await rig.makeBase();
  writeStages(rig);
  const built = await rig.build(["--build-arg", "GREETING=hi"]);
  const image = await rig.exportImage(["--build-arg", "GREETING=hi"]);
  assert.equal(image.id, built.imageId);
  assert.equal(contentOf(image, "out/joined"), "a\nb\n");
  assert.equal(contentOf(image, "out/word"), "hi\n");
  const files = filesOf(image);
  assert.equal(files.get("out/joined")?.header.mode, 0o604);
  assert.deepEqual([files.get("out/word")?.header.uid, files.get("out/word")?.header.gid], [1000, 1000]);
  assert.equal(files.has("src"), false, "other stages' files stay there");
  const { Env, Entrypoint, Cmd, User, Labels, ExposedPorts } = image.config.config;
  assert.deepEqual(
    { Env, Entrypoint, Cmd, User, Labels, ExposedPorts },
    {
      Env: ["PATH=/bin"],
      Entrypoint: ["cat"],
      Cmd: ["/out/joined"],
      User: "user",
      Labels: { kind: "test" },
      ExposedPorts: { "80/tcp": {} },
    },
  );
});

rigTest("the same build again is CACHED from end to end and has the same ID; a touch changes nothing", async (rig) => {
  await rig.makeBase();
  writeStages(rig);
  const first = await rig.build();
  const again = await rig.build();
  assert.deepEqual(new Set(Object.values(outcomes(again))), new Set(["CACHED"]));
  assert.equal(again.imageId, first.imageId);
  utimesSync(`${rig.context}/src/a.txt`, 1_000_000_000, 1_000_000_000);
  const touched = await rig.build();
  assert.deepEqual(new Set(Object.values(outcomes(touched))), new Set(["CACHED"]));
  assert.equal(touched.imageId, first.imageId);
});

rigTest("a changed file runs again only what must run, and the reason names the file", async (rig) => {
  await rig.makeBase();
  writeStages(rig);
  await rig.build();
  rig.write("src/a.txt", "another\n");
  const reasons = await reasonsOf(rig);
  assert.deepEqual([...reasons.keys()].toSorted(), [
    "COPY --from=build /src/joined /out/joined",
    "COPY --from=words --chown=1000:1000 /word /out/",
    "COPY src .",
    "RUN cat a.txt b.txt > joined && chmod 604 joined",
  ]);
  assert.match(reasons.get("COPY src .") ?? "", /a\.txt changed/);
  assert.equal(contentOf(await rig.exportImage(), "out/joined"), "another\nb\n");
});

rigTest("a changed ARG names its old and new value, and leaves other stages CACHED", async (rig) => {
  await rig.makeBase();
  writeStages(rig);
  await rig.build();
  const plain = mustEnd(await rig.tsbuild(["build", "--progress=plain", "--build-arg", "GREETING=hi", rig.context]));
  const reasons = parseReasons(plain.stderr);
  const [reason] = [...reasons].flatMap(([name, text]) => (name.includes("RUN echo") ? [text] : []));
  assert.match(reason ?? "", /(ENV WORD|ARG GREETING) hello → hi/);
  assert.equal(
    [...reasons.keys()].some((name) => name.includes("[build")),
    false,
  );
});

rigTest("a RUN that comes to the same result leaves all that follows CACHED", async (rig) => {
  await rig.makeBase();
  rig.write("in.txt", "one two\n");
  rig.dockerfile(
    "FROM base",
    "COPY in.txt /tmp/in.txt",
    "FROM base",
    "RUN --mount=type=bind,source=in.txt,target=/in.txt wc -w < /in.txt > /count",
    "RUN cat /count > /copy",
    "RUN cat /copy > /last",
  );
  const first = await rig.build();
  rig.write("in.txt", "three four\n");
  const second = await rig.build();
  const { [`RUN --mount=type=bind,source=in.txt,target=/in.txt wc -w < /in.txt > /count`]: counted, ...rest } = outcomes(second);
  assert.equal(counted, "RAN");
  assert.deepEqual([rest["RUN cat /count > /copy"], rest["RUN cat /copy > /last"]], ["CACHED", "CACHED"]);
  assert.equal(second.imageId, first.imageId);
});

rigTest("a failed RUN ends with 1 and shows its last lines, its place in the Dockerfile and its whole log", async (rig) => {
  await rig.makeBase();
  rig.dockerfile("FROM base", "RUN true", "RUN seq 1 100; echo complaint >&2; \\", "    exit 7", "RUN echo never");
  const failed = await rig.tsbuild(["build", "--progress=plain", rig.context]);
  assert.equal(failed.code, 1);
  assert.match(failed.stderr, /exit code: 7/);
  assert.match(failed.stderr, /Dockerfile:3/);
  assert.match(failed.stderr, /3 \| >>> RUN seq 1 100; echo complaint >&2; \\/);
  assert.match(failed.stderr, /------\n > .*RUN seq[^\n]*:\n(.*\n)*100\n(.*\n)*------/);
  const log = /(\/\S+\.log)/.exec(failed.stderr)?.[1];
  assert.ok(log !== undefined && existsSync(log), "the log is where the message says");
  const text = readFileSync(log, "utf8");
  assert.match(text, /^1\n2\n/);
  assert.match(text, /complaint\n/);
  const { steps, imageId } = await rig.tryBuild();
  assert.deepEqual(
    [stepNamed(steps, "RUN true").outcome, stepNamed(steps, "RUN seq").outcome, stepNamed(steps, "RUN echo never").outcome],
    ["CACHED", "FAILED", "NOT STARTED"],
  );
  assert.equal(imageId, undefined);
});

rigTest("the exit reason of a RUN that a signal ended names the signal", async (rig) => {
  await rig.makeBase();
  rig.dockerfile("FROM base", "RUN sh -c 'kill -9 $$'; exit $?");
  const { code, stderr } = await rig.tsbuild(["build", "--progress=plain", rig.context]);
  assert.equal(code, 1);
  assert.match(stderr, /exit code: 137.*signal 9/);
});

rigTest("nothing that is mounted for a RUN leaks into its layer", async (rig) => {
  await rig.makeBase();
  rig.write("secret.txt", "s3cret");
  rig.dockerfile(
    "FROM base",
    "RUN --mount=type=secret,id=s --mount=type=cache,target=/var/cache/x --mount=type=tmpfs,target=/scratch/t --mount=type=bind,source=secret.txt,target=/mnt/in/file cat /run/secrets/s /mnt/in/file /etc/hosts /etc/resolv.conf > /dev/null && echo x > /var/cache/x/y && echo done > /result",
  );
  await rig.build(["--secret", `id=s,src=${rig.context}/secret.txt`]);
  const image = await rig.exportImage(["--secret", `id=s,src=${rig.context}/secret.txt`]);
  const last = image.layers
    .at(-1)
    ?.map(({ header }) => header.name.replace(/^\.?\//, "").replace(/\/$/, ""))
    .filter((name) => name !== "");
  assert.deepEqual(last, ["result"]);
});

rigTest("a RUN above its memory limit is killed, and the message says why", async (rig) => {
  await rig.makeBase();
  rig.dockerfile("FROM base", "RUN --network=none dd if=/dev/zero of=/dev/null bs=200M count=1");
  const failed = await rig.tsbuild(["build", "--progress=plain", "--memory=32m", "--memory-swap=32m", rig.context]);
  assert.equal(failed.code, 1, failed.stderr);
  assert.match(failed.stderr, /memory limit/);
  mustEnd(await rig.tsbuild(["build", "--progress=plain", rig.context]));
});

rigTest("limits of pids and CPU time are set for each RUN", async (rig) => {
  await rig.makeBase();
  rig.dockerfile(
    "FROM base",
    "RUN --network=none cd /sys/fs/cgroup; cat pids/pids.max pids.max 2>/dev/null; cat cpu/cpu.cfs_quota_us cpu.max 2>/dev/null; cat memory/memory.limit_in_bytes memory.max 2>/dev/null; true",
  );
  const { steps } = await rig.build(["--pids-limit=77", "--cpus=0.5", "--memory=64m"]);
  const { log } = stepNamed(steps, "RUN --network=none");
  assert.match(log, /^77\n50000( 100000)?\n67108864\n$/);
  rig.dockerfile("FROM base", "RUN --network=none for i in 1 2 3 4 5 6 7 8 9 10; do sleep 1 & done; wait");
  const refused = await rig.tsbuild(["build", "--progress=plain", "--pids-limit=5", rig.context]);
  assert.match(refused.stderr, /can't fork/);
});

rigTest("a RUN has the network that it asks for", async (rig) => {
  await rig.makeBase();
  rig.dockerfile(
    "FROM base",
    "RUN --network=none ls /sys/class/net > /none; cat /proc/self/net/dev | wc -l",
    "RUN --network=host ls -l /proc/self/ns/net",
    "RUN --network=default ip -4 addr show dev eth0 && ip route",
  );
  const { steps } = await rig.build(["--allow", "network.host"]);
  assert.match(stepNamed(steps, "--network=none").log, /^3\n$/, "two lines of headings and lo");
  const own = (await must("readlink", "/proc/self/ns/net")).trim();
  assert.ok(stepNamed(steps, "--network=host").log.includes(own));
  assert.match(stepNamed(steps, "--network=default").log, /inet 10\.\d+[\s\S]*default via 10\./);
  const refused = await rig.tryBuild(["--no-cache"]);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /network\.host/);
});

rigTest(
  "an OCI layout is good in skopeo's eyes",
  async (rig) => {
    await rig.makeBase();
    writeStages(rig);
    const built = await rig.build();
    const image = await rig.exportImage();
    const layout = rig.layoutPath;
    const inspected = JSON.parse(await skopeo("inspect", `oci:${layout}`)) as { Digest: string; Labels: unknown; Layers: string[] };
    assert.equal(inspected.Digest, image.manifestDigest);
    assert.deepEqual(inspected.Labels, { kind: "test" });
    assert.equal(inspected.Layers.length, image.layers.length);
    await skopeo("copy", "--quiet", `oci:${layout}`, `dir:${rig.path("copied")}`);
    await skopeo("copy", "--quiet", `oci:${layout}`, `docker-archive:${rig.path("docker.tar")}:copied:1`);
    assert.equal(image.id, built.imageId);
  },
  { skip: withoutOthers },
);

rigTest(
  "podman runs a docker archive",
  async (rig) => {
    await rig.makeBase();
    writeStages(rig);
    const archive = rig.path("docker.tar");
    await rig.build(["-t", "app:1", "-o", `type=docker,dest=${archive}`]);
    const ended = await podmanRun(rig.path("podman"), archive, "docker.io/library/app:1", []);
    assert.equal(ended.stdout, "a\nb\n", ended.stderr);
    const other = await podmanRun(rig.path("podman"), archive, "docker.io/library/app:1", ["/out/word"]);
    assert.equal(other.stdout, "hello\n", other.stderr);
  },
  { skip: withoutOthers },
);

rigTest("outputs local and tar have the files of the last stage", async (rig) => {
  rig.write("src/a.txt", "a\n");
  rig.write("src/run.sh", "#!/bin/sh\n", 0o755);
  rig.dockerfile("FROM scratch AS files", "COPY src /app", "FROM scratch", "COPY --from=files /app/a.txt /only/");
  const folder = rig.path("out");
  mustEnd(await rig.tsbuild(["build", "-o", `type=local,dest=${folder}`, "--target=files", rig.context]));
  assert.deepEqual(readdirSync(`${folder}/app`).toSorted(), ["a.txt", "run.sh"]);
  assert.equal(readFileSync(`${folder}/app/run.sh`, "utf8"), "#!/bin/sh\n");
  const tar = rig.path("out.tar");
  mustEnd(await rig.tsbuild(["build", "-o", `type=tar,dest=${tar}`, rig.context]));
  const entries = await readTar(readFileSync(tar));
  assert.deepEqual(
    entries.map(({ header }) => header.name.replace(/\/$/, "")),
    ["only", "only/a.txt"],
  );
});

rigTest("a build without a name for it leaves no image, and one with -q prints nothing but the ID", async (rig) => {
  rig.write("a", "a");
  rig.dockerfile("FROM scratch", "COPY a /");
  const quiet = mustEnd(await rig.tsbuild(["build", "-q", "-t", "named", rig.context]));
  assert.match(quiet.stdout, /^sha256:[0-9a-f]{64}\n$/);
  assert.equal(quiet.stderr, "");
  const built = await rig.build();
  assert.equal(`${built.imageId.trim()}\n`, quiet.stdout);
});

test("the rig sees what is left: a file in the store's tmp", () => {
  // A check that can't fail proves nothing.
  return import("../rig/rig.js").then(async ({ Rig: TestRig }) => {
    using rig = new TestRig();
    mkdirSync(`${rig.root}/v1/tmp/left`, { recursive: true });
    assert.deepEqual(await rig.leftovers(50), [`file ${rig.root}/v1/tmp/left`]);
  });
});
