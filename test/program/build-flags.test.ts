/** Flags of `build` that reach beyond the Dockerfile: several platforms, annotations, pushes, limits, and what is only told. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import assert from "node:assert/strict";
import { copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { filesOf, validateLayout } from "../rig/image.js";
import { must, mustEnd } from "../rig/process.js";
import { startRegistry, withoutRegistry } from "../rig/real-registry.js";
import { type Rig, rigTest, withMounts } from "../rig/rig.js";
import { stepNamed } from "../rig/steps.js";

const BOTH = ["--platform", "linux/amd64,linux/arm64"];

interface Described {
  readonly mediaType: string;
  readonly digest: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly manifests?: readonly (Described & { readonly platform: { readonly architecture: string } })[];
}

/** Builds into an OCI layout, proves that, and returns its index.json and a reader of its blobs. */
async function exported(rig: Rig, args: readonly string[]): Promise<{ top: Described; json: (digest: string) => Described }> {
  const archive = rig.path("layout.tar");
  mustEnd(await rig.tsbuild(["build", "-q", "-o", `type=oci,dest=${archive}`, ...args, rig.context]));
  const folder = rig.path("layout");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  await must("tar", "-xf", archive, "-C", folder);
  await validateLayout(folder);
  const read = (path: string): Described => JSON.parse(readFileSync(join(folder, path), "utf8")) as Described;
  const top = read("index.json").manifests?.[0];
  assert.ok(top !== undefined);
  return { top, json: (digest) => read(`blobs/${digest.replace(":", "/")}`) };
}

rigTest("several platforms are an index; annotations stand where they were asked for", async (rig) => {
  rig.write("file", "content");
  rig.dockerfile("FROM scratch", "ARG TARGETARCH", "COPY file /$TARGETARCH");
  const { top, json } = await exported(rig, [
    ...BOTH,
    "--annotation=org.all=1",
    "--annotation=manifest[linux/arm64]:org.arm=2",
    "--annotation=index,index-descriptor:org.index=3",
    "--annotation=manifest-descriptor[linux/amd64]:org.amd=4",
  ]);
  assert.equal(top.mediaType, "application/vnd.oci.image.index.v1+json");
  assert.equal(top.annotations?.["org.index"], "3");
  const index = json(top.digest);
  assert.deepEqual(index.annotations, { "org.index": "3" });
  assert.deepEqual(
    index.manifests?.map(({ platform, annotations, digest }) => [platform.architecture, annotations, json(digest).annotations]),
    [
      ["amd64", { "org.amd": "4" }, { "org.all": "1" }],
      ["arm64", undefined, { "org.all": "1", "org.arm": "2" }],
    ],
  );
  const layout = await validateLayout(rig.path("layout"));
  assert.deepEqual(
    layout.map((image) => [image.config.architecture, [...filesOf(image).keys()]]),
    [
      ["amd64", ["amd64"]],
      ["arm64", ["arm64"]],
    ],
  );
  const refused = await rig.tsbuild(["build", "-t", "a", "--annotation", "index:a=b", rig.context]);
  assert.match(refused.stderr, /for an index, and an image of one platform has none/);
});

rigTest("annotations of an image in the store are there when it is saved later", async (rig) => {
  rig.write("file", "content");
  rig.dockerfile("FROM scratch", "COPY file /");
  mustEnd(await rig.tsbuild(["build", "-q", "-t", "app", ...BOTH, "--annotation=manifest,index:k=v", rig.context]));
  const archive = rig.path("saved.tar");
  mustEnd(await rig.tsbuild(["save", "-o", archive, "app"]));
  mkdirSync(rig.path("saved"));
  await must("tar", "-xf", archive, "-C", rig.path("saved"));
  const blob = (digest: string): Described =>
    JSON.parse(readFileSync(rig.path("saved/blobs", digest.replace(":", "/")), "utf8")) as Described;
  const top = (JSON.parse(readFileSync(rig.path("saved/index.json"), "utf8")) as Described).manifests?.[0];
  const index = blob(top?.digest ?? "");
  assert.deepEqual(index.annotations, { k: "v" });
  assert.deepEqual(
    index.manifests?.map(({ digest }) => blob(digest).annotations),
    [{ k: "v" }, { k: "v" }],
  );
});

rigTest(
  "push-by-digest pushes without a tag, name-canonical keeps the digest as a name, the metadata file tells",
  async (rig) => {
    mkdirSync(rig.path("server"));
    await using registry = await startRegistry(rig.path("server"));
    rig.write("file", "content");
    rig.dockerfile("FROM scratch", "COPY file /");
    const name = `${registry.host}/team/app`;
    const metadata = rig.path("metadata.json");
    const output = `type=image,name=${name},push-by-digest=true,name-canonical=true,push=true`;
    const { imageId } = await rig.build(["-o", output, "--metadata-file", metadata]);
    const told = JSON.parse(readFileSync(metadata, "utf8")) as Record<string, unknown>;
    const digest = String(told["containerimage.digest"]);
    assert.equal(told["containerimage.config.digest"], imageId);
    assert.equal(told["image.name"], name);
    assert.match(String(told["buildx.build.ref"]), /^tsbuild\/tsbuild\/\w+$/);
    const answer = await fetch(`http://${registry.host}/v2/team/app/manifests/${digest}`, {
      headers: { accept: "application/vnd.oci.image.manifest.v1+json" },
    });
    assert.equal(answer.status, 200);
    await answer.arrayBuffer();
    const tags = (await (await fetch(`http://${registry.host}/v2/team/app/tags/list`)).json()) as { tags: unknown };
    assert.equal(tags.tags ?? undefined, undefined, "no tag was made");
    const kept = readdirSync(join(rig.root, "v1/refs")).map((file) => readFileSync(join(rig.root, "v1/refs", file), "utf8"));
    assert.ok(kept.length >= 2, kept.join());
    mustEnd(await rig.tsbuild(["images"]));
    const tagged = await rig.tsbuild(["build", "-o", output.replace("/app", "/app:v1"), rig.context]);
    assert.match(tagged.stderr, /push-by-digest=true gives no tag, but the name .*:v1 has one/);
  },
  { skip: withoutRegistry },
);

/** A program for a machine that nothing emulates, told apart from others by its version field. */
function foreignProgram(): Buffer {
  const bytes = Buffer.alloc(120);
  bytes.write("\x7fELF\x02\x01\x01", "latin1");
  bytes.writeUInt16LE(2, 16);
  bytes.writeUInt16LE(258, 18);
  bytes.writeUInt32LE(0x7465_7374, 20);
  return bytes;
}

rigTest("RUN for another machine: an error that says what to install, or the emulator that the kernel knows", async (rig) => {
  rig.write("sh", foreignProgram(), 0o755);
  rig.dockerfile("FROM scratch", "COPY sh /bin/sh", "RUN --network=none hello");
  const args = ["build", "--progress=plain", "--platform=linux/loong64", rig.context];
  const refused = await rig.tsbuild(args);
  assert.equal(refused.code, 1);
  assert.match(
    refused.stderr,
    /\/bin\/sh is for loong64, this machine is \w+, and the kernel knows no emulator[\s\S]*Dockerfile:3[\s\S]*qemu-user-static/,
  );
  const emulator = rig.path("echo");
  copyFileSync("/bin/busybox", emulator);
  const magic = [...foreignProgram().subarray(0, 24)].map((byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join("");
  const folder = "/proc/sys/fs/binfmt_misc";
  const entryName = `tsbuild-test-${process.pid}`;
  // The kernel forgets what was registered with the last mount of the list: somebody holds one until we are done.
  const holder = spawn(
    "unshare",
    [
      "--mount",
      "--propagation",
      "private",
      "sh",
      "-ec",
      `mount -t binfmt_misc none ${folder}; printf '%s' "$1" > ${folder}/register; echo ready; cat; echo -1 > ${folder}/$2`,
      "sh",
      `:${entryName}:M::${magic}::${emulator}:F`,
      entryName,
    ],
    { stdio: ["pipe", "pipe", "inherit"] },
  );
  const ended = once(holder, "exit");
  try {
    await Promise.race([once(holder.stdout, "data"), ended]);
    assert.equal(holder.exitCode, null, "the emulator could not be registered");
    const built = mustEnd(await rig.tsbuild(args));
    assert.match(built.stderr, /\/bin\/sh -c hello/, "the emulator was given the program");
    const seen = mustEnd(await rig.tsbuild([...args, "--no-cache"], { wrap: withMounts(`mount -t binfmt_misc none ${folder}`) }));
    assert.match(seen.stderr, /\/bin\/sh -c hello/);
  } finally {
    holder.stdin.end();
    await ended;
  }
});

rigTest("shares, CPUs, shared memory and ulimits hold in each RUN", async (rig) => {
  await rig.makeBase();
  rig.dockerfile(
    "FROM base",
    "RUN --network=none cd /sys/fs/cgroup; cat cpu/cpu.shares cpu.weight 2>/dev/null; cat cpuset/cpuset.cpus cpuset.cpus 2>/dev/null; cat cpuset/cpuset.mems cpuset.mems 2>/dev/null; ulimit -n; ulimit -Hn; df -k /dev/shm | tail -n 1 | tr -s ' ' | cut -d' ' -f2",
  );
  const { steps } = await rig.build(["--cpu-shares=512", "--cpuset-cpus=0", "--cpuset-mems=0", "--ulimit=nofile=100:200", "--shm-size=8m"]);
  assert.match(stepNamed(steps, "RUN --network=none").log, /^(?:512|\d+)\n0\n0\n100\n200\n8192\n$/);
});

rigTest("--dns and its kin are in the resolv.conf of each RUN, and in no layer", async (rig) => {
  await rig.makeBase();
  rig.dockerfile("FROM base", "RUN --network=none cat /etc/resolv.conf; touch /made");
  const args = ["--dns=10.9.8.7", "--dns-search=example.test", "--dns-option=ndots:3"];
  const { steps } = await rig.build(args);
  assert.equal(stepNamed(steps, "RUN").log, "nameserver 10.9.8.7\nsearch example.test\noptions ndots:3\n");
  const image = await rig.exportImage(args);
  assert.deepEqual(
    image.layers.at(-1)?.map(({ header }) => header.name),
    ["made"],
  );
});

rigTest(
  "store=false pushes an image and keeps no name of it; dangling-name-prefix names one by its digest",
  async (rig) => {
    mkdirSync(rig.path("server"));
    await using registry = await startRegistry(rig.path("server"));
    rig.write("file", "content");
    rig.dockerfile("FROM scratch", "COPY file /");
    await rig.build(["-t", `${registry.host}/gone:v1`, "-o", "type=registry,store=false"]);
    const tags = (await (await fetch(`http://${registry.host}/v2/gone/tags/list`)).json()) as { tags: unknown };
    assert.deepEqual(tags.tags, ["v1"]);
    assert.doesNotMatch(mustEnd(await rig.tsbuild(["images"])).stdout, /gone/);
    await rig.build(["-o", "type=image,dangling-name-prefix=dangling"]);
    assert.match(mustEnd(await rig.tsbuild(["images", "--digests"])).stdout, /dangling +<none> +sha256:/);
  },
  { skip: withoutRegistry },
);

rigTest("--cgroup-parent is where the steps are", async (rig) => {
  await rig.makeBase();
  rig.dockerfile("FROM base", "RUN --network=none echo ready; sleep 600");
  const parent = `tsbuild-test-${process.pid}`;
  const running = rig.start(["build", "--progress=plain", `--cgroup-parent=/${parent}`, rig.context]);
  const trees = (): readonly string[] =>
    ["", "memory", "pids", "unified"].map((tree) => join("/sys/fs/cgroup", tree, parent)).filter((path) => existsSync(path));
  try {
    await running.until(({ stderr }) => /#\d+ [\d.]+ ready/.test(stderr));
    const steps = trees().flatMap((path) => readdirSync(path).filter((name) => name.startsWith("step-")));
    assert.ok(steps.length > 0, "the step is below the parent");
  } finally {
    running.killGroup("SIGINT");
    await running.ended;
  }
  assert.deepEqual(
    trees().flatMap((path) => readdirSync(path).filter((name) => name.startsWith("step-"))),
    [],
  );
  for (const path of trees()) await must("rmdir", path);
});

rigTest("--call targets, outline and check,format=sarif are told on stdout, and nothing is built", async (rig) => {
  rig.dockerfile("# LEVEL of noise", "ARG LEVEL=1", "# tool makes it", "FROM scratch AS tool", "ARG LEVEL", "maintainer me");
  const told = async (call: string): Promise<string> => (await rig.tsbuild(["build", `--call=${call}`, rig.context])).stdout;
  assert.equal(await told("targets"), "TARGET           DESCRIPTION\ntool (default)   makes it\n");
  assert.equal(
    await told("outline"),
    "TARGET:        tool\nDESCRIPTION:   makes it\n\nBUILD ARG   VALUE   DESCRIPTION\nLEVEL       1       of noise\n",
  );
  const sarif = JSON.parse(await told("check,format=sarif")) as { runs: { results: { ruleId: string }[] }[] };
  assert.ok(sarif.runs[0]?.results.some(({ ruleId }) => ruleId === "MaintainerDeprecated"));
  assert.equal((await rig.tsbuild(["build", "--check", rig.context])).code, 1);
  assert.equal((await rig.tsbuild(["build", "--call=check,ignorestatus=true", rig.context])).code, 0);
});

rigTest("--pull=never takes only what is here, --pull=newer what is here when the registry has nothing", async (rig) => {
  await rig.makeBase();
  rig.dockerfile("FROM base", "ENV A=1");
  await rig.build(["--pull=never"]);
  rig.dockerfile("FROM localhost:1/none/such");
  const never = await rig.tsbuild(["build", "--pull=never", rig.context]);
  assert.match(never.stderr, /is not in the store[\s\S]*--pull=never/);
  mustEnd(await rig.tsbuild(["tag", "base", "localhost:1/none/such"]));
  const newer = mustEnd(await rig.tsbuild(["build", "--pull=newer", "--progress=plain", rig.context]));
  assert.match(newer.stderr, /is taken as it is here/);
  assert.equal((await rig.tsbuild(["build", "--pull", rig.context])).code, 1);
});

rigTest(
  "--ignorefile takes the place of .dockerignore; build arguments come from a file; proxies from Docker's configuration",
  async (rig) => {
    await rig.makeBase();
    rig.write("a", "a");
    rig.write("b", "b");
    rig.write(".dockerignore", "a\n");
    rig.write("other.ignore", "b\n");
    rig.write("args", "# of the build\nA=from file\nB=from file\n");
    rig.write("config/config.json", JSON.stringify({ proxies: { default: { httpProxy: "http://proxy.invalid:3128" } } }));
    rig.dockerfile("FROM base", "ARG A", "ARG B", "COPY . /all", 'RUN --network=none echo "$A, $B, $http_proxy, $HTTP_PROXY"; ls /all');
    const args = ["--ignorefile", "other.ignore", "--build-arg-file", "args", "--build-arg", "B=by hand"];
    const { steps } = await rig.build(args, { env: { DOCKER_CONFIG: join(rig.context, "config") } });
    const proxy = "http://proxy.invalid:3128";
    assert.equal(stepNamed(steps, "RUN").log, `from file, by hand, ${proxy}, ${proxy}\nDockerfile\na\nargs\nconfig\nother.ignore\n`);
  },
);
