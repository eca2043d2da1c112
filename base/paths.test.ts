import assert from "node:assert/strict";
import { test } from "node:test";
import { cleanPath, parentPath } from "./paths.js";

const CLEAN: readonly [path: string, cleaned: string][] = [
  ["", "."],
  [".", "."],
  ["/", "/"],
  ["abc", "abc"],
  ["abc/def", "abc/def"],
  ["a/b/c", "a/b/c"],
  ["..", ".."],
  ["../..", "../.."],
  ["../../abc", "../../abc"],
  ["/abc", "/abc"],
  ["abc/", "abc"],
  ["abc//def//ghi", "abc/def/ghi"],
  ["//abc", "/abc"],
  ["///abc//", "/abc"],
  ["abc/./def", "abc/def"],
  ["/./abc/def", "/abc/def"],
  ["abc/.", "abc"],
  ["abc/def/ghi/../jkl", "abc/def/jkl"],
  ["abc/def/..", "abc"],
  ["abc/def/../..", "."],
  ["/abc/def/../../..", "/"],
  ["abc/def/../../..", ".."],
  ["abc/def/../../../ghi/jkl/../../../mno", "../../mno"],
  ["/../abc", "/abc"],
  ["abc/./../def", "def"],
];

for (const [path, cleaned] of CLEAN) {
  test(`cleanPath(${JSON.stringify(path)}) is ${cleaned}`, () => {
    assert.equal(cleanPath(path), cleaned);
    assert.equal(cleanPath(cleaned), cleaned);
  });
}

test("parentPath gives the folder above", () => {
  assert.deepEqual(["a/b", "a", "/a", "/", "a/b/", "/a//b"].map(parentPath), ["a", ".", "/", "/", "a/b", "/a"]);
});
