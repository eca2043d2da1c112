/** What goes wrong is said once, in a sentence that names the thing and the way out, and nothing half-written stays. */
import assert from "node:assert/strict";
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { startRegistry } from "../../image/registry/test-registry.js";
import { serveLayout } from "../rig/fake-registry.js";
import { type Ended, must, mustEnd, run } from "../rig/process.js";
import { launcherPath } from "../rig/project.js";
import { type Rig, rigTest, withMounts } from "../rig/rig.js";

/** One `ERROR:` line, exit code 1, and no word of a mistake in tsbuild. */
function assertError(ended: Ended, ...patterns: readonly RegExp[]): void {
  assert.equal(ended.code, 1, ended.stderr);
  assert.equal(ended.stdout, "");
  assert.equal(ended.stderr.match(/^ERROR: /gm)?.length, 1, ended.stderr);
  assert.doesNotMatch(ended.stderr, /Internal error|mistake in tsbuild/);
  for (const pattern of patterns) assert.match(ended.stderr, pattern);
}

function tryBuild(rig: Rig, args: readonly string[] = [], options: Parameters<Rig["tsbuild"]>[1] = {}): Promise<Ended> {
  return rig.tsbuild(["build", "--progress=plain", "-t", "wanted", ...args, rig.context], options);
}

const DOCKERFILES: readonly (readonly [name: string, lines: readonly string[], ...patterns: RegExp[]])[] = [
  ["an unknown instruction", ["FROM scratch", "COPPY a b"], /COPPY/, /Dockerfile:2/, />>> COPPY a b/, /COPY/],
  ["an unknown flag", ["FROM scratch", "COPY --form=x a b"], /form/, /Dockerfile:2/, /--from/],
  ["an unterminated heredoc", ["FROM scratch", "COPY <<END /x", "text"], /Dockerfile:2/, /END/],
  ["no FROM", ["# only a comment"], /Dockerfile|stage|FROM/],
  ["a stage that isn't there", ["FROM scratch", "COPY --from=7 /a /b"], /7/, /Dockerfile:2/],
  ["a source that isn't there", ["FROM scratch", "COPY missing.txt /"], /missing\.txt/, /not found/, /Dockerfile:2/],
];

for (const [name, lines, ...patterns] of DOCKERFILES) {
  rigTest(`a Dockerfile with ${name}`, async (rig) => {
    rig.dockerfile(...lines);
    assertError(await tryBuild(rig), ...patterns);
  });
}

rigTest("a missing Dockerfile, a missing context and a wrong flag", async (rig) => {
  assertError(await tryBuild(rig), /Dockerfile/, /hint: /);
  assertError(await rig.tsbuild(["build", rig.path("nowhere")]), /nowhere/);
  const usage = await rig.tsbuild(["build", "--tga", "x", rig.context]);
  assert.equal(usage.code, 2);
  assert.match(usage.stderr, /--tga[\s\S]*--tag/);
});

rigTest("a base image that the registry doesn't have", async (rig) => {
  await using registry = await startRegistry();
  rig.dockerfile(`FROM ${registry.host}/no/such:1`);
  assertError(await tryBuild(rig), /no\/such:1/, /not found|unknown/, /Dockerfile:1/);
});

rigTest("a registry that doesn't answer", async (rig) => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = address === null || typeof address === "string" ? 0 : address.port;
  await new Promise((resolve) => server.close(resolve));
  rig.dockerfile(`FROM 127.0.0.1:${port}/gone:1`);
  const ended = await tryBuild(rig);
  assertError(ended, new RegExp(`127\\.0\\.0\\.1:${port}`), /Dockerfile:1/, /hint: /);
  assert.ok(ended.ms < 30_000, `it took ${Math.round(ended.ms)} ms`);
});

rigTest("a layer that arrives damaged is refused, nothing of it stays, and the whole one is taken afterwards", async (rig) => {
  await rig.makeBase();
  rig.dockerfile("FROM base");
  await rig.exportImage();
  await using registry = await serveLayout(rig.layoutPath);
  const other = { root: rig.path("other") };
  rig.dockerfile(`FROM ${registry.host}/far/base:1`, "RUN --network=none true");
  const damages: readonly ((bytes: Buffer) => Buffer)[] = [
    (bytes) => Buffer.concat([bytes.subarray(0, bytes.length - 20), Buffer.alloc(20)]),
    (bytes) => bytes.subarray(0, bytes.length / 2),
    () => gzipSync("not a tar"),
  ];
  for (const damage of damages) {
    let damaged = "";
    registry.mischief = (digest, bytes) => {
      if (bytes[0] === 0x7b || (damaged !== "" && damaged !== digest)) return undefined;
      damaged = digest;
      return damage(bytes);
    };
    assertError(await tryBuild(rig, [], other), /far\/base/, /sha256:/);
    assert.equal(
      existsSync(join(other.root, "v1/content/sha256", damaged.slice("sha256:".length))),
      false,
      "no blob under the digest that it has not",
    );
    assert.deepEqual([readdirSync(join(other.root, "v1/tmp")), readdirSync(join(other.root, "v1/leases"))], [[], []]);
  }
  registry.mischief = () => undefined;
  mustEnd(await tryBuild(rig, [], other));
});

rigTest("a damaged archive that ADD is to unpack", async (rig) => {
  const tar = await must("tar", "-C", "/bin", "-czf", rig.path("whole.tar.gz"), "busybox").then(() =>
    readFileSync(rig.path("whole.tar.gz")),
  );
  rig.write("broken.tar.gz", tar.subarray(0, tar.length / 2));
  rig.dockerfile("FROM scratch", "ADD broken.tar.gz /");
  assertError(await tryBuild(rig), /broken\.tar\.gz/, /Dockerfile:2/);
});

rigTest("an OCI layout with a damaged layer", async (rig) => {
  await rig.makeBase();
  rig.dockerfile("FROM base");
  const image = await rig.exportImage();
  const blobs = join(rig.layoutPath, "blobs/sha256");
  const layer = readdirSync(blobs)
    .map((name) => join(blobs, name))
    .find((path) => readFileSync(path)[0] === 0x1f);
  assert.ok(layer !== undefined);
  const bytes = readFileSync(layer);
  writeFileSync(layer, Buffer.concat([bytes.subarray(0, -9), Buffer.from([bytes.at(-9) === 0 ? 1 : 0]), bytes.subarray(-8)]));
  rig.dockerfile("FROM there", "RUN --network=none true");
  const args = ["--build-context", `there=oci-layout://${rig.layoutPath}@${image.manifestDigest}`];
  assertError(await tryBuild(rig, args, { root: rig.path("other") }), /sha256:/);
});

rigTest("a full disk: what doesn't fit is not there at all, and with room the build goes on", async (rig) => {
  mkdirSync(rig.root);
  rig.write("large", Buffer.alloc(6 * 2 ** 20, "x"));
  rig.write("small", "small\n");
  rig.dockerfile("FROM scratch", "COPY small /", "COPY large /");
  await must("mount", "-t", "tmpfs", "-o", "size=4m", "none", rig.root);
  try {
    assertError(await tryBuild(rig), /disk is full|no space/i, /hint: .*(--root|room)/);
    const left = [...readdirSync(join(rig.root, "v1/tmp")), ...readdirSync(join(rig.root, "v1/leases"))];
    assert.deepEqual(left, []);
    await must("mount", "-o", "remount,size=64m", rig.root);
    const built = await rig.build();
    assert.deepEqual(
      built.steps.filter(({ name }) => name.includes("COPY")).map(({ outcome }) => outcome),
      ["CACHED", "RAN"],
    );
  } finally {
    await must("umount", rig.root);
  }
});

rigTest("a disk that a RUN fills", async (rig) => {
  mkdirSync(rig.root);
  await must("mount", "-t", "tmpfs", "-o", "size=12m", "none", rig.root);
  try {
    await rig.makeBase();
    rig.dockerfile("FROM base", "RUN --network=none head -c 20000000 /dev/zero > /big");
    assertError(await tryBuild(rig), /No space left on device|I\/O error|disk .*is full/, /hint: /);
    assert.deepEqual(readdirSync(join(rig.root, "v1/tmp")), []);
  } finally {
    await must("umount", rig.root);
  }
});

rigTest("no OCI runtime", async (rig) => {
  rig.dockerfile("FROM scratch", "COPY Dockerfile /", 'RUN ["/x"]');
  assertError(await tryBuild(rig, [], { env: { TSBUILD_RUNTIME: "/nonexistent" } }), /\/nonexistent/, /TSBUILD_RUNTIME/, /hint: /);
  writeFileSync(rig.path("nothing"), "", { mode: 0o644 });
  const hide = ["crun", "runc"].flatMap((name) =>
    ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin"].map((folder) => `${folder}/${name}`),
  );
  const mounts = hide.filter(existsSync).map((path) => `mount --bind ${rig.path("nothing")} ${path}`);
  assertError(await tryBuild(rig, [], { wrap: withMounts(mounts.join("\n")) }), /crun/, /apt install crun/);
});

rigTest("a command that the image doesn't have", async (rig) => {
  rig.dockerfile("FROM scratch", "COPY Dockerfile /", 'RUN --network=none ["/no/such/program"]');
  assertError(await tryBuild(rig), /\/no\/such\/program/, /not found|no such file/i, /Dockerfile:3/);
});

rigTest("an unprivileged user is told what to do, and no store is made", async (rig) => {
  // Where somebody else may read it, and nothing but what starts.
  const copy = rig.path("program");
  const home = join(dirname(launcherPath()), "..");
  cpSync(dirname(launcherPath()), join(copy, "bin"), { recursive: true });
  cpSync(join(home, "dist/bundle"), join(copy, "dist/bundle"), { recursive: true });
  cpSync(join(home, "package.json"), join(copy, "package.json"));
  chmodSync(rig.folder, 0o755);
  rig.dockerfile("FROM scratch", "COPY Dockerfile /");
  const env = { ...process.env, TSBUILD_ROOT: rig.root };
  const ended = await run(
    "setpriv",
    ["--reuid=65534", "--regid=65534", "--clear-groups", join(copy, "bin/tsbuild"), "build", "-t", "x", rig.context],
    { env, cwd: "/" },
  );
  assertError(ended, /root/, /hint: .*sudo/);
  assert.equal(existsSync(rig.root), false);
  const bounded = await run(
    "setpriv",
    ["--bounding-set=-sys_admin", "--inh-caps=-all", join(copy, "bin/tsbuild"), "build", "-t", "x", rig.context],
    { env, cwd: "/" },
  );
  assertError(bounded, /CAP_SYS_ADMIN/);
});
