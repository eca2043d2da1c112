/**
 * The main job on real input, as scripts/demo shows it: a Debian base is built and pushed, an application with hundreds of
 * packages is built on it, run, asked, changed, built and run again. Takes some minutes and the network.
 * TSBUILD_TEST_ROOTFS may name a tar that testdata/demo/base/make-rootfs made before, which saves one of them.
 */
import assert from "node:assert/strict";
import { copyFileSync, cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { filesOf, validateImage } from "../rig/image.js";
import { skopeo } from "../rig/others.js";
import { type Ended, Running, eventually, must, mustEnd } from "../rig/process.js";
import { projectRoot } from "../rig/project.js";
import { type BuildRun, type Rig, rigTest } from "../rig/rig.js";
import { parseReasons, stepNamed } from "../rig/steps.js";

const DEMO = join(projectRoot(), "testdata/demo");
const CERTIFICATES = process.env["TSBUILD_EXTRA_CA_CERTS"] ?? process.env["NODE_EXTRA_CA_CERTS"] ?? "/etc/ssl/certs/ca-certificates.crt";
const LONG = { timeoutMs: 15 * 60_000 };

rigTest("a real application is built on a pulled base, runs, and after a change only what must run does", async (rig) => {
  const registry = await startRegistry(rig);
  try {
    const base = await pushBase(rig, registry.host);
    const args = ["-t", "demo-app", "--build-arg", `BASE=${base}`, "--secret", `id=ca,src=${CERTIFICATES}`];
    cpSync(join(DEMO, "app"), rig.context, { recursive: true, preserveTimestamps: true });

    const first = await rig.build(args, LONG);
    assertEveryStepRan(first);
    assert.equal((await ask(rig)).message, "Hello, world!");

    const again = await rig.build(args);
    assert.equal(again.imageId, first.imageId);
    assert.deepEqual(notCached(again), []);

    rig.write("src/greeting.ts", readFileSync(rig.path("context/src/greeting.ts"), "utf8").replace("Hello", "Good morning"));
    await assertOnlyTheBundleIsMadeAnew(rig, args);
    assert.equal((await ask(rig)).message, "Good morning, world!");

    rig.write("src/greeting.ts", `${readFileSync(rig.path("context/src/greeting.ts"), "utf8")}// No more than a comment.\n`);
    await assertSameBundleEndsTheWork(rig, args);
    await assertExportIsGood(rig, args);
  } finally {
    registry.running.killGroup("SIGTERM");
    await registry.running.ended;
  }
});

interface Registry {
  readonly running: Running;
  /** `127.0.0.1:41234` */
  readonly host: string;
}

async function startRegistry(rig: Rig): Promise<Registry> {
  const config = { version: 0.1, storage: { filesystem: { rootdirectory: rig.path("registry") } }, http: { addr: "127.0.0.1:0" } };
  writeFileSync(rig.path("registry.yml"), JSON.stringify(config));
  const running = new Running("docker-registry", ["serve", rig.path("registry.yml")], LONG);
  const listening = /listening on (127\.0\.0\.1:\d+)/;
  await running.until(({ stdout, stderr }) => listening.test(stdout + stderr));
  return { running, host: listening.exec(running.stdout + running.stderr)?.[1] ?? "" };
}

/** Builds the base in a store of its own, pushes it, and has others look at it. Returns its name. */
async function pushBase(rig: Rig, host: string): Promise<string> {
  const context = rig.path("base");
  mkdirSync(context);
  const made = process.env["TSBUILD_TEST_ROOTFS"];
  if (made === undefined) await must(join(DEMO, "base/make-rootfs"), join(context, "rootfs.tar"));
  else copyFileSync(made, join(context, "rootfs.tar"));
  const name = `${host}/demo/debian:bookworm`;
  const args = ["--root", rig.path("base-store"), "build", "--push", "-t", name, "-f", join(DEMO, "base/Dockerfile"), context];
  mustEnd(await rig.tsbuild(args, LONG));

  const layout = rig.path("pushed");
  await skopeo("copy", "--src-tls-verify=false", `docker://${name}`, `oci:${layout}`);
  const image = await validateImage(layout);
  const whiteouts = image.layers.flat().filter(({ header }) => /(^|\/)\.wh\.[^/]+$/.test(header.name));
  assert.equal(image.layers.length, 3);
  assert.ok(
    whiteouts.some(({ header }) => header.name.endsWith("/.wh..wh..opq")),
    "a folder that was emptied is opaque",
  );
  assert.ok(whiteouts.length > 20, `${whiteouts.length} whiteouts`);
  assert.ok(!filesOf(image).has("usr/share/doc/apt/changelog.gz") && filesOf(image).has("usr/bin/apt-get"));
  return name;
}

function assertEveryStepRan(build: BuildRun): void {
  for (const { name, outcome } of build.steps)
    assert.equal(outcome === "RAN" || name.startsWith("[internal]"), true, `${name}: ${outcome}`);
  const packages = /(\d+) newly installed/.exec(stepNamed(build.steps, "build-essential").log)?.[1];
  assert.ok(Number(packages) >= 20, `${packages} Debian packages`);
  const modules = /added (\d+) packages/.exec(stepNamed(build.steps, "npm ci").log)?.[1];
  assert.ok(Number(modules) >= 100, `${modules} npm packages`);
}

function notCached({ steps }: BuildRun): readonly string[] {
  return steps.filter(({ outcome }) => outcome !== "CACHED").map(({ name }) => name);
}

async function assertOnlyTheBundleIsMadeAnew(rig: Rig, args: readonly string[]): Promise<void> {
  const { stderr } = mustEnd(await rig.tsbuild(["build", "--progress=plain", ...args, rig.context], LONG));
  const reasons = [...parseReasons(stderr)].map(([name, reason]) => `${name.replace(/^\[.*?\] /, "")}: ${reason}`);
  assert.match(reasons[0] ?? "", /^COPY src src: .*greeting\.ts changed/);
  assert.deepEqual(
    reasons.map((line) => /^(?:COPY --from=\w+|\w+ [\w/]+(?: \w+)?)/.exec(line)?.[0]).toSorted(),
    ["COPY --from=bundle", "COPY src src", "RUN npm run", "RUN npm run", "WORKDIR /app"],
    stderr,
  );
}

/** The sources changed, what is made of them didn't: nothing behind them has to run, and the image is the same. */
async function assertSameBundleEndsTheWork(rig: Rig, args: readonly string[]): Promise<void> {
  const build = await rig.build(args, LONG);
  const ran = notCached(build).map((name) => name.replace(/^\[.*?\] /, ""));
  assert.deepEqual(ran.toSorted(), ["COPY src src", "RUN npm run bundle", "RUN npm run check && npm test && touch /checked"]);
  assert.deepEqual(notCached(await rig.build(args)), []);
}

async function assertExportIsGood(rig: Rig, args: readonly string[]): Promise<void> {
  const [archive, layout] = [rig.path("app.tar"), rig.path("app")];
  mustEnd(await rig.tsbuild(["build", "-q", ...args, "-o", `type=oci,dest=${archive}`, rig.context], LONG));
  mkdirSync(layout);
  await must("tar", "-xf", archive, "-C", layout);
  const image = await validateImage(layout);
  assert.deepEqual(image.config.config["Cmd"], ["node", "main.mjs"]);
  assert.ok(filesOf(image).has("app/main.mjs") && !filesOf(image).has("usr/bin/gcc"));
  assert.match(await skopeo("inspect", `oci-archive:${archive}`), /"org.opencontainers.image.title": "demo-app"/);
}

interface Answer {
  readonly message: string;
}

/** Runs the application on a free port, fetches its answer, and asks it to stop. */
async function ask(rig: Rig): Promise<Answer> {
  const running = rig.start(["run", "--rm", "-p", "127.0.0.1::8080", "demo-app"]);
  const published = /Published 127\.0\.0\.1:(\d+)->8080/;
  try {
    await running.until(({ stdout, stderr }) => published.test(stderr) && stdout.includes("listening"));
    const port = published.exec(running.stderr)?.[1] ?? "";
    const answer = await eventually(() => fetchJson(`http://127.0.0.1:${port}/`), 10_000);
    assert.ok(answer !== undefined, `no answer on port ${port}`);
    return answer;
  } finally {
    await stop(running);
  }
}

async function stop(running: Running): Promise<Ended> {
  process.kill(running.pid, "SIGTERM");
  return mustEnd(await running.ended);
}

async function fetchJson(url: string): Promise<Answer | undefined> {
  try {
    return (await (await fetch(url)).json()) as Answer;
  } catch {
    return undefined;
  }
}
