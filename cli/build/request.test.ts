import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { after, before, test } from "node:test";
import { hostPlatform } from "../../base/platform.js";
import type { BuildRequest } from "../../worker/types.js";
import { parseBuildFlags } from "./flags.js";
import { checkStdout, parseOutput } from "./output.js";
import { remoteInputs } from "./remote-inputs.js";
import { buildRequest } from "./request.js";

let folder = "";

before(() => {
  folder = mkdtempSync(join(tmpdir(), "build-request-"));
  mkdirSync(join(folder, "ctx"));
  mkdirSync(join(folder, "empty"));
  writeFileSync(join(folder, "ctx/Dockerfile"), "FROM scratch\n");
  writeFileSync(join(folder, "ctx/other.Dockerfile"), "FROM other\n");
  writeFileSync(join(folder, "ctx/other.Dockerfile.dockerignore"), "*\n");
  writeFileSync(join(folder, "token"), "s3cret");
});
after(() => rmSync(folder, { recursive: true }));

function request(args: readonly string[], env: Readonly<Record<string, string>> = {}): BuildRequest {
  const flags = parseBuildFlags(args);
  assert.ok(typeof flags !== "string");
  return buildRequest(flags, { cwd: folder, env, events: () => {} });
}

test("a plain build finds the Dockerfile and keeps nothing", () => {
  const { dockerfile, contextDir, outputs, wantsImageId, ignoreFile } = request(["ctx"]);
  assert.deepEqual(dockerfile, { name: "Dockerfile", text: "FROM scratch\n" });
  assert.equal(contextDir, join(folder, "ctx"));
  assert.deepEqual([outputs, wantsImageId, ignoreFile], [[], false, undefined]);
});

test("-f is relative to the current folder, and its own ignore file counts", () => {
  const { dockerfile, ignoreFile } = request(["-f", "ctx/other.Dockerfile", "ctx"]);
  assert.equal(dockerfile.name, "ctx/other.Dockerfile");
  assert.equal(ignoreFile, join(folder, "ctx/other.Dockerfile.dockerignore"));
});

test("-t stores an image under its full names", () => {
  const { tags, outputs, wantsImageId } = request(["-t", "app", "-t", "localhost:5000/a/b:v1", "ctx"]);
  assert.deepEqual(tags, ["docker.io/library/app:latest", "localhost:5000/a/b:v1"]);
  assert.deepEqual(outputs, [{ type: "image", attributes: {} }]);
  assert.equal(wantsImageId, true);
});

test("--push pushes the images among the outputs, or the one that is kept", () => {
  const image = { type: "image", attributes: { push: "true" } };
  assert.deepEqual(request(["-t", "a", "--push", "ctx"]).outputs, [image]);
  assert.deepEqual(request(["-t", "a", "-o", "type=image", "--push", "ctx"]).outputs, [image]);
  assert.equal(request(["-t", "a", "-o", "out", "--push", "ctx"]).outputs.length, 2);
});

test("an output of one's own replaces the store, --load adds it again", () => {
  assert.deepEqual(request(["-t", "a", "-o", "type=oci,dest=x.tar", "ctx"]).outputs, [
    { type: "oci", dest: join(folder, "x.tar"), attributes: {} },
  ]);
  assert.equal(request(["-t", "a", "-o", "out", "--load", "ctx"]).outputs.length, 2);
});

test("--network host grants its entitlement, unknown ones are refused", () => {
  assert.deepEqual([...request(["--network", "host", "ctx"]).allow], ["network.host"]);
  assert.throws(() => request(["--allow", "everything", "ctx"]), { code: "USAGE" });
  assert.throws(() => request(["--network", "mynet", "ctx"]), { code: "USAGE", message: /mynet/ });
});

test("limits are numbers the kernel understands", () => {
  const { limits } = request([
    "-m",
    "512m",
    "--cpus",
    "1.5",
    "--shm-size",
    "64m",
    "--ulimit",
    "nofile=1024",
    "--ulimit",
    "core=0:-1",
    "ctx",
  ]);
  assert.equal(limits.memoryBytes, 512 * 1024 * 1024);
  assert.deepEqual([limits.cpuQuotaMicros, limits.cpuPeriodMicros], [150_000, 100_000]);
  assert.deepEqual(limits.ulimits, ["nofile=1024:1024", "core=0:-1"]);
  for (const wrong of [
    ["--ulimit", "nofile"],
    ["--ulimit", "nofile=2:1"],
    ["--cpus", "many"],
    ["--cpuset-cpus", "a"],
  ]) {
    assert.throws(() => request([...wrong, "ctx"]), { code: "USAGE" }, wrong.join(" "));
  }
});

test("secrets are files or variables that are there", () => {
  const { secrets } = request(
    ["--secret", "id=a,src=token", "--secret", "id=b,env=B", "--secret", "id=token", "--secret", "id=HOME_TOKEN", "ctx"],
    { B: "1", HOME_TOKEN: "2" },
  );
  assert.deepEqual(Object.fromEntries(secrets), {
    a: { type: "file", path: join(folder, "token") },
    b: { type: "env", name: "B" },
    token: { type: "file", path: join(folder, "token") },
    HOME_TOKEN: { type: "env", name: "HOME_TOKEN" },
  });
  assert.throws(() => request(["--secret", "id=a,src=nothing", "ctx"]), { code: "SECRET_MISSING" });
  assert.throws(() => request(["--secret", "id=a,src=token,mode=1", "ctx"]), { code: "USAGE", message: /"mode"/ });
});

test("named contexts are folders, images or layouts", () => {
  const { buildContexts, contextDirs } = request([
    "--build-context",
    "a=empty",
    "--build-context",
    "b=docker-image://alpine",
    "--build-context",
    `c=oci-layout://${folder}/empty@sha256:1`,
    "ctx",
  ]);
  assert.deepEqual(Object.fromEntries(buildContexts), {
    a: { type: "local", name: "a" },
    b: { type: "image", reference: "alpine" },
    c: { type: "oci-layout", path: join(folder, "empty"), digestOrTag: "sha256:1" },
  });
  assert.deepEqual([...contextDirs], [["a", join(folder, "empty")]]);
  assert.throws(() => request(["--build-context", "a=nowhere", "ctx"]), { code: "CONTEXT_MISSING" });
});

test("hosts, platforms and times are checked", () => {
  assert.deepEqual(request(["--add-host", "a:1.2.3.4", "--add-host", "b=[::1]", "ctx"]).extraHosts, ["a:1.2.3.4", "b:::1"]);
  assert.throws(() => request(["--add-host", "a:b", "ctx"]), { code: "USAGE" });
  assert.deepEqual(request(["--platform", "local,local", "ctx"]).platforms, [hostPlatform()]);
  assert.equal(request(["ctx"], { SOURCE_DATE_EPOCH: "12" }).sourceDateEpoch, 12);
  assert.equal(request(["--build-arg", "SOURCE_DATE_EPOCH=13", "ctx"], { SOURCE_DATE_EPOCH: "12" }).sourceDateEpoch, 13);
});

test("what is missing or lies elsewhere is named", () => {
  assert.throws(() => request(["nowhere"]), { code: "CONTEXT_MISSING", message: /nowhere/ });
  assert.throws(() => request(["empty"]), { code: "DOCKERFILE_MISSING", message: /empty/ });
  assert.throws(() => request(["-f", "nope", "ctx"]), { code: "DOCKERFILE_MISSING" });
  assert.throws(() => request(["-f", "ctx", "ctx"]), { code: "DOCKERFILE_UNREADABLE", message: /folder/ });
  assert.throws(() => request(["https://example.com/a.git"]), { code: "CONTEXT_MISSING" });
});

test("what was loaded from elsewhere takes the place of folder and Dockerfile", () => {
  const flags = parseBuildFlags(["https://example.com/a.tar.gz"]);
  assert.ok(typeof flags !== "string");
  const dockerfile = { name: "Dockerfile", text: "FROM scratch\n" };
  const context = { type: "http", url: "https://example.com/a.tar.gz" } as const;
  const made = buildRequest(
    flags,
    { cwd: folder, env: {}, events: () => {} },
    { context: { dockerfile, context, downloads: new Map() }, dockerfile: { source: dockerfile } },
  );
  assert.deepEqual([made.contextDir, made.dockerfile, made.buildContexts], [undefined, dockerfile, new Map([["context", context]])]);
});

test("addresses and standard input are told from folders and repositories", () => {
  const inputs = (...args: readonly string[]): unknown => {
    const flags = parseBuildFlags(args);
    assert.ok(typeof flags !== "string");
    return remoteInputs(flags, { cwd: folder, stdin });
  };
  const stdin = Readable.from([]);
  assert.equal(inputs("ctx"), undefined);
  assert.deepEqual(inputs("https://example.com/a.git#main"), {
    context: { type: "git", url: "https://example.com/a.git#main" },
    dockerfileUrl: undefined,
  });
  assert.deepEqual(inputs("https://example.com/a.tgz"), {
    context: { type: "url", url: "https://example.com/a.tgz" },
    dockerfileUrl: undefined,
  });
  assert.deepEqual(inputs("-f", "http://h/Dockerfile", "ctx"), { dockerfileUrl: "http://h/Dockerfile" });
  assert.deepEqual(inputs("-"), { context: { type: "stdin", stream: stdin }, dockerfileUrl: undefined });
  assert.throws(() => inputs("-f", "-", "-"), { code: "USAGE" });
});

test("outputs in all their forms", () => {
  assert.deepEqual(parseOutput("out", "/w"), { type: "local", dest: "/w/out", attributes: {} });
  assert.deepEqual(parseOutput("-", "/w"), { type: "tar", dest: "-", attributes: {} });
  assert.deepEqual(parseOutput("type=docker", "/w"), { type: "image", attributes: {} });
  assert.deepEqual(parseOutput('type=oci,"dest=a,b",compression=zstd', "/w"), {
    type: "oci",
    dest: "/w/a,b",
    attributes: { compression: "zstd" },
  });
  assert.equal(parseOutput("type=cacheonly", "/w"), undefined);
  assert.deepEqual(parseOutput("type=image,name=a,push=true", "/w"), { type: "image", attributes: { name: "a", push: "true" } });
  assert.deepEqual(parseOutput("type=registry,name=a", "/w"), { type: "image", attributes: { name: "a", push: "true" } });
  for (const wrong of ["", "dest=x", "type=local", "type=zip,dest=a"]) {
    assert.throws(() => parseOutput(wrong, "/w"), { code: "USAGE" }, wrong);
  }
});

test("stdout takes one output, and no terminal takes any", () => {
  const tar = { type: "tar", dest: "-", attributes: {} } as const;
  checkStdout([tar], { isTerminal: false, isQuiet: false });
  assert.throws(() => checkStdout([tar], { isTerminal: true, isQuiet: false }), { code: "USAGE" });
  assert.throws(() => checkStdout([tar, tar], { isTerminal: false, isQuiet: false }), { code: "USAGE" });
  assert.throws(() => checkStdout([tar], { isTerminal: false, isQuiet: true }), { code: "USAGE" });
});
