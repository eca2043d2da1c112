import assert from "node:assert/strict";
import { test } from "node:test";
import { cleanRelative, followLinks } from "./resolve.js";

const LINKS: Readonly<Record<string, string>> = {
  link: "/real/dir",
  "real/rel": "dir",
  up: "../../../etc",
  loop: "loop",
  chain: "link/x",
  "a/b": "../c",
  dots: "./././real",
};
const lookup = (path: string): { type: string; target: string } | undefined => {
  const target = LINKS[path];
  return target === undefined ? undefined : { type: "symlink", target };
};

const CASES: readonly (readonly [string, string])[] = [
  ["/link/a.txt", "real/dir/a.txt"],
  ["/real/rel/b", "real/dir/b"],
  ["up/passwd", "etc/passwd"],
  ["chain", "real/dir/x"],
  ["a/b/d", "c/d"],
  ["link/../x", "real/x"],
  ["../../x", "x"],
  ["/", ""],
  ["dots/y", "real/y"],
  ["nothing/here", "nothing/here"],
];

for (const [path, expected] of CASES) {
  test(`${path} is ${expected === "" ? "the top" : expected}`, () => {
    assert.equal(followLinks(lookup, path), expected);
  });
}

test("the last component stays when it is not to be followed", () => {
  assert.equal(followLinks(lookup, "link", { last: false }), "link");
  assert.equal(followLinks(lookup, "link/rel", { last: false }), "real/dir/rel");
});

test("a link to itself is an error, not a hang", () => {
  assert.throws(() => followLinks(lookup, "loop/x"), { code: "TOO_MANY_LINKS" });
});

test("cleaning stops at the top", () => {
  assert.equal(cleanRelative("/a/.././../b//c/"), "b/c");
});
