import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { BuildEvent } from "../../base/events.js";
import type { BuildRequest } from "../../worker/types.js";
import { parseBuildFlags } from "./flags.js";
import { buildRequest } from "./request.js";

let folder = "";
const events: BuildEvent[] = [];

before(() => {
  folder = mkdtempSync(join(tmpdir(), "build-args-"));
  for (const name of ["ctx", "config", "broken"]) mkdirSync(join(folder, name));
  writeFileSync(join(folder, "ctx/Dockerfile"), "FROM scratch\n");
  writeFileSync(join(folder, "args"), "# versions\n\nA=file\nB=two words\nFROM_ENV\nUNSET\n");
  const proxies = {
    default: { httpProxy: "http://proxy:1", noProxy: "localhost", unknown: 3 },
    "tcp://other": { httpsProxy: "http://other" },
  };
  writeFileSync(join(folder, "config/config.json"), JSON.stringify({ proxies }));
  writeFileSync(join(folder, "broken/config.json"), "{");
});
after(() => rmSync(folder, { recursive: true }));

function request(args: readonly string[], env: Readonly<Record<string, string>> = {}): BuildRequest {
  const flags = parseBuildFlags([...args, "ctx"]);
  assert.ok(typeof flags !== "string");
  events.length = 0;
  return buildRequest(flags, { cwd: folder, env: { DOCKER_CONFIG: join(folder, "none"), ...env }, events: (event) => events.push(event) });
}

test("a file of build arguments: comments are left out, a name alone is the environment's, a flag goes before", () => {
  const { buildArgs } = request(["--build-arg", "A=flag", "--build-arg-file", "args"], { FROM_ENV: "env" });
  assert.deepEqual(Object.fromEntries(buildArgs), { A: "flag", B: "two words", FROM_ENV: "env" });
  assert.throws(() => request(["--build-arg-file", "gone"]), { code: "USAGE", message: /gone can't be read/ });
});

test("proxies of Docker's configuration are build arguments in both spellings, unless one was given", () => {
  const env = { DOCKER_CONFIG: join(folder, "config") };
  assert.deepEqual(Object.fromEntries(request([], env).buildArgs), {
    HTTP_PROXY: "http://proxy:1",
    http_proxy: "http://proxy:1",
    NO_PROXY: "localhost",
    no_proxy: "localhost",
  });
  assert.deepEqual(Object.fromEntries(request(["--build-arg", "http_proxy="], env).buildArgs), {
    http_proxy: "",
    NO_PROXY: "localhost",
    no_proxy: "localhost",
  });
});

test("a configuration that can't be read is told and is no failure; one that isn't there is nothing", () => {
  assert.equal(request([], { DOCKER_CONFIG: join(folder, "broken") }).buildArgs.size, 0);
  assert.equal(events.length, 1);
  request([]);
  assert.equal(events.length, 0);
});

test("--ignorefile is a file of one's own; --pull has four modes and Docker's two", () => {
  assert.equal(request(["--ignorefile", "args"]).ignoreFile, join(folder, "args"));
  assert.throws(() => request(["--ignorefile", "gone"]), { code: "USAGE", message: /no such file/ });
  assert.deepEqual(
    ["--pull", "--pull=false", "--pull=newer", "--pull=never", "--pull=true"].map((flag) => request([flag]).pull),
    ["always", "missing", "newer", "never", "always"],
  );
  assert.throws(() => request(["--pull=sometimes"]), { code: "USAGE", message: /always, newer, missing or never/ });
});

test("--annotation goes to every output that is an image, its places as attributes", () => {
  const { outputs } = request([
    "-t",
    "a",
    "-o",
    "type=oci,dest=x",
    "-o",
    "out",
    "--load",
    "--annotation",
    "index,manifest[linux/arm64]:org.k=v=w",
  ]);
  const attributes = { "annotation-index.org.k": "v=w", "annotation-manifest[linux/arm64].org.k": "v=w" };
  assert.deepEqual(
    outputs.map((output) => [output.type, output.attributes]),
    [
      ["oci", attributes],
      ["local", {}],
      ["image", attributes],
    ],
  );
  assert.deepEqual(request(["--annotation", "k="]).outputs[0]?.attributes, { "annotation-manifest.k": "" });
  assert.throws(() => request(["--annotation", "k"]), { code: "USAGE", message: /KEY=VALUE/ });
  assert.throws(() => request(["--annotation", "k=v", "-o", "out"]), { code: "USAGE", message: /none of the outputs is an image/ });
});

test("--resource is another way to give limits; --dns takes addresses", () => {
  const { limits, dns } = request([
    "--memory=1g",
    "--resource",
    "memory=2m,cpuset-cpus=0",
    "--resource=pids=5",
    "--dns=10.0.0.1",
    "--dns-search=.",
  ]);
  assert.deepEqual([limits.memoryBytes, limits.cpusetCpus, limits.pids], [2 << 20, "0", 5]);
  assert.deepEqual(dns, { servers: ["10.0.0.1"], search: ["."], options: [] });
  assert.throws(() => request(["--resource=speed=9"]), { code: "USAGE", message: /no "speed"/, hint: /memory/ });
  assert.throws(() => request(["--dns=here"]), { code: "USAGE" });
});

test("a push by digest has no tag to give", () => {
  assert.throws(() => request(["-t", "a:1", "-o", "type=image,push-by-digest=true,push=true"]), { code: "USAGE", message: /--tag a:1/ });
  assert.equal(request(["-t", "a", "-o", "type=image,push-by-digest=true,push=true"]).outputs.length, 1);
});
