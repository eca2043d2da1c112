import assert from "node:assert/strict";
import { test } from "node:test";
import { parsePlatform } from "../../../base/platform.js";
import { compileText, onlyTarget } from "../request-fixture.js";
import type { CompileRequest } from "../types.js";

async function runEnv(text: string, changes: Partial<CompileRequest> = {}): Promise<readonly string[]> {
  const op = onlyTarget(await compileText(text, changes)).root?.op;
  assert.ok(op?.kind === "exec");
  return op.env.filter((variable) => !variable.startsWith("PATH="));
}

test("a build argument replaces the default", async () => {
  assert.deepEqual(await runEnv("FROM busybox\nARG A=1\nRUN x", { buildArgs: new Map([["A", "2"]]) }), ["A=2"]);
});

test("a global argument needs to be declared again", async () => {
  assert.deepEqual(await runEnv("ARG A=1\nFROM busybox\nRUN x"), []);
  assert.deepEqual(await runEnv("ARG A=1\nFROM busybox\nARG A\nRUN x"), ["A=1"]);
});

test("the stage's own default wins over the global value", async () => {
  assert.deepEqual(await runEnv("ARG A=1\nFROM busybox\nARG A=2\nRUN x"), ["A=2"]);
});

test("ENV wins over an ARG of the same name, whichever comes first", async () => {
  assert.deepEqual(await runEnv("FROM busybox\nARG A=arg\nENV A=env\nRUN x"), ["A=env"]);
  assert.deepEqual(await runEnv("FROM busybox\nENV A=env\nARG A=arg\nRUN x"), ["A=env"]);
  assert.deepEqual(await runEnv("FROM busybox\nENV A=env\nARG A\nRUN x"), ["A=env"]);
  const { image } = onlyTarget(await compileText("FROM busybox\nENV A=env\nARG A=arg\nENV B=$A"));
  assert.deepEqual(image.config.Env?.slice(1), ["A=env", "B=env"]);
});

test("a stage begins with the image's variables, whatever ARG hid them above", async () => {
  assert.deepEqual(await runEnv("FROM busybox AS one\nENV A=env\nARG A=arg\nFROM one\nRUN x"), ["A=env"]);
});

test("variables reach a step in the order in which they were set last", async () => {
  assert.deepEqual(await runEnv("FROM busybox\nENV A=1\nARG B=2\nENV C=3 A=4\nRUN x"), ["B=2", "C=3", "A=4"]);
});

test("history names an ARG that is declared twice once, with the value that RUN sees", async () => {
  const { image } = onlyTarget(await compileText("FROM busybox\nARG A=1 B=2\nARG A=3\nARG C\nENV B=env\nRUN x"));
  assert.equal(image.history.at(-1)?.created_by, "RUN |3 A=3 B=env C= /bin/sh -c x # buildkit");
});

test("an argument without a value is not set", async () => {
  assert.deepEqual(await runEnv("FROM busybox\nARG A\nRUN x"), []);
  assert.deepEqual(await runEnv("FROM busybox\nARG A=\nRUN x"), ["A="]);
});

test("a stage sees the arguments of the stage it stands on", async () => {
  assert.deepEqual(await runEnv("FROM busybox AS one\nARG A=1\nFROM one\nRUN x"), ["A=1"]);
  assert.deepEqual(await runEnv("FROM busybox AS one\nARG A=1\nFROM busybox\nRUN x"), []);
});

test("a default that is not used may refer to what nobody gave", async () => {
  assert.deepEqual(await runEnv("FROM busybox\nARG A=${B:?no}\nRUN x", { buildArgs: new Map([["A", "1"]]) }), ["A=1"]);
});

test("platform arguments are visible where they are declared, and may be overridden", async () => {
  const text = "FROM --platform=$BUILDPLATFORM busybox\nARG TARGETPLATFORM TARGETARCH TARGETVARIANT BUILDOS TARGETSTAGE\nRUN x";
  const platforms = [parsePlatform("linux/arm/v7")];
  assert.deepEqual(await runEnv(text, { platforms }), [
    "TARGETPLATFORM=linux/arm/v7",
    "TARGETARCH=arm",
    "TARGETVARIANT=v7",
    "BUILDOS=linux",
    "TARGETSTAGE=default",
  ]);
  assert.ok((await runEnv(text, { platforms, buildArgs: new Map([["TARGETARCH", "mine"]]) })).includes("TARGETARCH=mine"));
});

test("proxy arguments reach RUN beside the key, unless they are declared", async () => {
  const buildArgs = new Map([["HTTP_PROXY", "http://p"]]);
  const plain = onlyTarget(await compileText("FROM busybox\nRUN x", { buildArgs })).root?.op;
  assert.ok(plain?.kind === "exec");
  assert.deepEqual(plain.proxyEnv, ["HTTP_PROXY=http://p", "http_proxy=http://p"]);
  const declared = onlyTarget(await compileText("FROM busybox\nARG HTTP_PROXY\nRUN x", { buildArgs })).root?.op;
  assert.ok(declared?.kind === "exec");
  assert.deepEqual(declared.proxyEnv, []);
  assert.ok(declared.env.includes("HTTP_PROXY=http://p"));
});

test("arguments that no ARG names are warned about, those of the builder are not", async () => {
  const buildArgs = new Map([
    ["NOBODY", "1"],
    ["BUILDKIT_INLINE_CACHE", "1"],
    ["https_proxy", "p"],
    ["SOURCE_DATE_EPOCH", "1"],
    ["USED", "1"],
  ]);
  const { warnings, sourceDateEpoch } = await compileText("FROM busybox AS dead\nARG USED\nFROM scratch", { buildArgs });
  assert.deepEqual(
    warnings.map(({ code }) => code),
    ["BUILD_ARG_UNUSED"],
  );
  assert.match(warnings[0]?.message ?? "", /\[NOBODY\]/);
  assert.equal(sourceDateEpoch, 1);
});
