import assert from "node:assert/strict";
import { test } from "node:test";
import { type Invocation, parseInvocation } from "./dispatch.js";

const parse = (...argv: string[]): Invocation =>
  parseInvocation(argv, ["build", "run", "version"], (word) => word === "." || word === "folder");
const command = (name: string, args: string[], more: object = {}): object => ({
  type: "command",
  name,
  args,
  root: undefined,
  isDebug: false,
  ...more,
});

test("flags or a folder without a command are a build", () => {
  assert.deepEqual(parse("-t", "app", "."), command("build", ["-t", "app", "."]));
  assert.deepEqual(parse("folder"), command("build", ["folder"]));
  assert.deepEqual(parse("build", "folder"), command("build", ["folder"]));
});

test("global flags stand before the command", () => {
  assert.deepEqual(
    parse("--root", "/x", "--debug", "run", "app", "--debug"),
    command("run", ["app", "--debug"], { root: "/x", isDebug: true }),
  );
  assert.deepEqual(parse("--root=/x", "."), command("build", ["."], { root: "/x" }));
  assert.throws(() => parse("--root"), { code: "USAGE" });
});

test("--version and help in all their forms", () => {
  assert.deepEqual(parse("--version"), command("version", []));
  assert.deepEqual(parse(), { type: "help" });
  assert.deepEqual(parse("-h"), { type: "help" });
  assert.deepEqual(parse("help", "run"), { type: "command", name: "run", args: ["--help"], isDebug: false });
});

test("a misspelt command gets a suggestion", () => {
  assert.throws(() => parse("biuld", "."), { code: "USAGE", hint: 'did you mean "tsbuild build"?' });
  assert.throws(() => parse("frobnicate"), { code: "USAGE", hint: /lists the commands/ });
});
