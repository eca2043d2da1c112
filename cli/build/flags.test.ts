import assert from "node:assert/strict";
import { test } from "node:test";
import { type BuildFlags, parseBuildFlags } from "./flags.js";

function parse(...args: string[]): BuildFlags {
  const flags = parseBuildFlags(args);
  assert.ok(typeof flags !== "string");
  return flags;
}

test("flags that may be repeated keep their order, lists are split", () => {
  const flags = parse(
    "-t",
    "a",
    "--tag=b",
    "-tc",
    "--platform",
    "linux/amd64,linux/arm64",
    "--build-arg",
    "A=1,2",
    "--no-cache-filter",
    "x,y",
    ".",
  );
  assert.deepEqual(flags.tag, ["a", "b", "c"]);
  assert.deepEqual(flags.platform, ["linux/amd64", "linux/arm64"]);
  assert.deepEqual(flags.buildArg, ["A=1,2"]);
  assert.deepEqual(flags.noCacheFilter, ["x", "y"]);
  assert.equal(flags.noCache, false);
  assert.equal(flags.context, ".");
});

test("switches can be said to be off, as in Docker", () => {
  assert.equal(parse("--no-cache", ".").noCache, true);
  assert.equal(parse("--no-cache=true", ".").noCache, true);
  assert.equal(parse("--no-cache=false", "--quiet=false", "--pull=false", ".").noCache, false);
  assert.equal(parse("--push=false", "--provenance=false", "--sbom=false", "--rm", ".").context, ".");
  assert.throws(() => parse("--quiet=maybe", "."), { code: "USAGE", message: /--quiet is true or false, not "maybe"/ });
});

test("short flags take =value as Docker's do, and values may look like flags", () => {
  assert.deepEqual(parse("-t=a", ".").tag, ["a"]);
  assert.deepEqual(parse("--build-arg", "--x=1", ".").buildArg, ["--x=1"]);
  assert.deepEqual(parse("-qt", "a", ".").tag, ["a"]);
});

test("an unknown flag gets a suggestion", () => {
  assert.throws(() => parse("--lable", "a=b", "."), { code: "USAGE", message: /--lable/, hint: /--label/ });
  assert.throws(() => parse("a", "b"), { code: "USAGE" });
  assert.throws(() => parse(), { code: "USAGE", message: /context/ });
});

test("a flag that can't be honoured is refused with a reason", () => {
  for (const args of [
    ["--cache-to", "type=inline"],
    ["--provenance=max"],
    ["--sbom=true"],
    ["--call", "subrequests.describe"],
    ["--squash"],
  ]) {
    assert.throws(() => parse(...args, "."), {
      code: "UNSUPPORTED",
      message: new RegExp(`^${args[0]?.split("=")[0]}`),
    });
  }
});

test("--check and --call check are one thing, with a format for programs", () => {
  assert.deepEqual(parse(".").call, { method: "build" });
  assert.deepEqual(parse("--check", ".").call, { method: "check", format: "text", ignoresStatus: false });
  assert.deepEqual(parse("--call=check,format=json", ".").call, { method: "check", format: "json", ignoresStatus: false });
  assert.deepEqual(parse("--call=lint,format=sarif,ignorestatus=true", ".").call, {
    method: "check",
    format: "sarif",
    ignoresStatus: true,
  });
  assert.throws(() => parse("--call", "check,format=yaml", "."), { code: "USAGE" });
  assert.throws(() => parse("--check", "--call", "build", "."), { code: "USAGE" });
});

test("--call outline and targets have two formats", () => {
  assert.deepEqual(parse("--call", "outline", ".").call, { method: "outline", format: "text" });
  assert.deepEqual(parse("--call", "targets,format=json", ".").call, { method: "targets", format: "json" });
  assert.throws(() => parse("--call", "targets,format=sarif", "."), { code: "USAGE", message: /that is for check/ });
});

test("--pull alone is always, and doesn't take the context for its value", () => {
  const flags = parse("--pull", ".");
  assert.deepEqual([flags.pull, flags.context], ["always", "."]);
  assert.equal(parse("--pull=never", ".").pull, "never");
  assert.equal(parse(".").pull, undefined);
});

test("help is text, and names the flags", () => {
  const help = parseBuildFlags(["--help"]);
  assert.match(String(help), /Usage: tsbuild build \[flags\] CONTEXT[\s\S]*--build-arg/);
});
