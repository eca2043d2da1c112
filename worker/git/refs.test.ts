import assert from "node:assert/strict";
import { test } from "node:test";
import { chooseRef, isCommit, isRefName, requireChecksum } from "./refs.js";

const [A, B, C] = ["a", "b", "c"].map((digit) => digit.repeat(40));
assert.ok(A !== undefined && B !== undefined && C !== undefined);
const answer = (...lines: readonly (readonly [string, string])[]): string => lines.map(([value, name]) => `${value}\t${name}\n`).join("");

test("a branch goes before a tag, a tag stands for its commit", () => {
  const both = answer([A, "refs/heads/v1"], [B, "refs/tags/v1"], [C, "refs/tags/v1^{}"]);
  assert.deepEqual(chooseRef(both, "v1", "r"), { commit: A, object: A, ref: "refs/heads/v1" });
  assert.deepEqual(chooseRef(both, "refs/tags/v1", "r"), { commit: C, object: B, ref: "refs/tags/v1" });
  assert.deepEqual(chooseRef(answer([A, "refs/pull/7/head"]), "pull/7/head", "r"), { commit: A, object: A, ref: "refs/pull/7/head" });
});

test("without a ref it is the default branch", () => {
  assert.deepEqual(chooseRef(answer(["ref: refs/heads/main", "HEAD"], [A, "HEAD"]), undefined, "r"), {
    commit: A,
    object: A,
    ref: "refs/heads/main",
  });
  assert.throws(() => chooseRef("", undefined, "r"), { code: "GIT_REF_MISSING" });
});

test("a branch that only ends like the one that was named is another", () => {
  assert.throws(() => chooseRef(answer([A, "refs/heads/x/main"]), "main", "r"), { code: "GIT_REF_MISSING" });
});

test("an answer with names or hashes that can't be is refused", () => {
  for (const text of [
    answer(["ref: refs/heads/--x", "HEAD"], [A, "HEAD"]),
    answer([A, "refs/heads/--x"]),
    answer(["--x", "HEAD"]),
    "x\n",
    answer([A, "refs/heads/a b"]),
  ]) {
    assert.throws(() => chooseRef(text, undefined, "r"), { code: "GIT_ANSWER" }, text);
  }
});

test("names of refs are those that git-check-ref-format allows, and no options", () => {
  for (const name of ["main", "v1.2", "feature/x-y", "refs/tags/v1", "a@b", "é"]) assert.ok(isRefName(name), name);
  for (const name of [
    "",
    "-x",
    "--upload-pack=x",
    "a/-x",
    "a..b",
    "a b",
    "a:b",
    "a^{}",
    "a~1",
    "@",
    "a@{1}",
    "/a",
    "a/",
    "a//b",
    ".a",
    "a/.b",
    "a.lock",
    "a.",
    "a*",
    "a\nb",
    "a\\b",
    "a[b",
  ]) {
    assert.equal(isRefName(name), false, JSON.stringify(name));
  }
});

test("commits and checksums are hex", () => {
  assert.deepEqual([isCommit(A), isCommit(A.toUpperCase()), isCommit("abc1234"), isCommit("a".repeat(64))], [true, false, false, true]);
  assert.equal(requireChecksum("ABCDEF1"), "abcdef1");
  for (const text of ["", "abcdef", "xyz1234", "a".repeat(65)]) assert.throws(() => requireChecksum(text), { code: "GIT_CHECKSUM" });
});
