import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { TsbuildError } from "./errors.js";
import { hasWildcard, matchPath, parseIgnoreFile, PatternMatcher } from "./patterns.js";
import type { MatchState } from "./patterns.js";

const MATCH_PATH: readonly [pattern: string, name: string, expected: boolean | "error"][] = [
  ["abc", "abc", true],
  ["*", "abc", true],
  ["*c", "abc", true],
  ["a*", "a", true],
  ["a*", "ab/c", false],
  ["a*/b", "abc/b", true],
  ["a*/b", "a/c/b", false],
  ["a*b*c*d*e*/f", "axbxcxdxexxx/f", true],
  ["a*b*c*d*e*/f", "axbxcxdxe/xxx/f", false],
  ["a*b?c*x", "abxbbxdbxebxczzx", true],
  ["a*b?c*x", "abxbbxdbxebxczzy", false],
  ["ab[c]", "abc", true],
  ["ab[b-d]", "abc", true],
  ["ab[e-g]", "abc", false],
  ["ab[^c]", "abc", false],
  ["ab[^e-g]", "abc", true],
  ["a\\*b", "a*b", true],
  ["a\\*b", "ab", false],
  ["a?b", "a☺b", true],
  ["a?b", "a😀b", true],
  ["a[^a]b", "a☺b", true],
  ["a???b", "a☺b", false],
  ["[a-ζ]*", "α", true],
  ["*[a-ζ]", "A", false],
  ["a?b", "a/b", false],
  ["a*b", "a/b", false],
  ["[\\]a]", "]", true],
  ["[\\-]", "-", true],
  ["[x\\-]", "z", false],
  ["[\\-x]", "a", false],
  ["list[[]3].csv", "list[3].csv", true],
  ["**", "a/b", false],
  ["", "", true],
  ["", "a", false],
  ["[]a]", "]", "error"],
  ["[-]", "-", "error"],
  ["[x-]", "x", "error"],
  ["[-x]", "a", "error"],
  ["\\", "a", "error"],
  ["[a-b-c]", "a", "error"],
  ["[", "a", "error"],
  ["[^", "a", "error"],
  ["[^bc", "a", "error"],
  ["a[", "ab", "error"],
  ["[]", "a", "error"],
];

for (const [pattern, name, expected] of MATCH_PATH) {
  test(`matchPath(${JSON.stringify(pattern)}, ${JSON.stringify(name)}) is ${expected}`, () => {
    if (expected === "error")
      assert.throws(
        () => matchPath(pattern, name),
        (error) => error instanceof TsbuildError && error.code === "PATTERN_INVALID",
      );
    else assert.equal(matchPath(pattern, name), expected);
  });
}

const MATCHER: readonly [patterns: readonly string[], path: string, expected: boolean][] = [
  [["**"], "file", true],
  [["**/"], "dir/file", true],
  [["**/**"], "dir/file", true],
  [["dir/**"], "dir/dir2/file", true],
  [["**/dir"], "dir", true],
  [["**/dir"], "dir/file", true],
  [["**/dir2/*"], "dir/dir2/file", true],
  [["**/dir2/**"], "dir/dir2/dir3/file", true],
  [["**file"], "dir/dir/file", true],
  [["**log"], "a/catalog", true],
  [["**/file*txt"], "dir/dir/file.txt", true],
  [["**/**/*.txt"], "dir/dir/file.txt", true],
  [["**/**/*.txt2"], "dir/dir/file.txt", false],
  [["**/*.txt"], "file.txt", true],
  [["a**/*.txt"], "a/dir/dir/file.txt", true],
  [["a/*.txt"], "a/dir/file.txt", false],
  [["a/*.txt**"], "a/file.txt", true],
  [["a[b-d]e"], "ace", true],
  [["a[b-d]e"], "aae", false],
  [["a[^b-d]e"], "aze", true],
  [[".*"], ".foo", true],
  [[".*"], "foo", false],
  [["abc.def"], "abcZdef", false],
  [["abc?def"], "abcZdef", true],
  [["**/foo/bar"], "dir/dir2/foo/bar", true],
  [["abc/**"], "abc", false],
  [["abc/**"], "abc/def/ghi", true],
  [["**/.foo"], ".foo", true],
  [["**/.foo"], "bar.foo", false],
  [["a(b)c/def"], "a(b)c/def", true],
  [["a.|)$(}+{bc"], "a.|)$(}+{bc", true],
  [["a\\\\"], "a\\", true],
  [["a\\*b"], "a*b", true],
  [["a*"], "ab/c", true],
  [["*"], "x/y/z", true],
  [["**", "!util/docker/web"], "util/docker/web/foo", false],
  [["**", "!util/docker/web", "util/docker/web/foo"], "util/docker/web/foo", true],
  [["**", "!dist/*.whl"], "dist/a-1.whl", false],
  [["docs", "!docs/README.md"], "docs/README.md", false],
  [["!a.go", "*.go"], "a.go", true],
  [["*.go", "!a.go"], "a.go", false],
  [["*.go"], ".", false],
  [[], "any/path", false],
  [["  docs/  ", "", " ! docs/keep "], "docs/keep", false],
  [["./a/../b"], "b", true],
];

for (const [patterns, path, expected] of MATCHER) {
  test(`${JSON.stringify(patterns)} ${expected ? "matches" : "does not match"} ${path}`, () => {
    const matcher = new PatternMatcher(patterns);
    assert.equal(matcher.matches(path), expected);
    assert.equal(walkTo(matcher, path).isMatch, expected, "in a walk");
    assert.equal(
      matcher.child(undefined, path).isMatch,
      path === "." ? matcher.child(undefined, path).isMatch : expected,
      "without a parent",
    );
  });
}

function walkTo(matcher: PatternMatcher, path: string): MatchState {
  let state: MatchState | undefined;
  const parts = path.split("/");
  for (let depth = 1; depth <= parts.length; depth++) state = matcher.child(state, parts.slice(0, depth).join("/"));
  assert.ok(state);
  return state;
}

test("a lone ! is an error that shows it", () => {
  assert.throws(
    () => new PatternMatcher(["a", "!"]),
    (error) => error instanceof TsbuildError && error.code === "PATTERN_INVALID" && error.message.includes('"!"'),
  );
});

test("an excluded folder is read only when an exception may lie in it", () => {
  const matcher = new PatternMatcher(["build", "!build/out/app", "!**/keep.txt"]);
  assert.equal(matcher.couldContainReincluded("build"), true);
  const narrow = new PatternMatcher(["build", "!build/out/app", "!src/*.c"]);
  const folders = ["build", "build/out", "build/in", "build/out/app", "src", "srcs", "other"];
  assert.deepEqual(
    folders.filter((folder) => narrow.couldContainReincluded(folder)),
    ["build", "build/out", "src"],
  );
  assert.equal(new PatternMatcher(["build"]).couldContainReincluded("build"), false);
});

test("hasWildcard knows escapes", () => {
  assert.deepEqual(["a*", "a?", "[a]", "a\\*b", "a\\*b?", "plain", "", "\\"].map(hasWildcard), [
    true,
    true,
    true,
    false,
    true,
    false,
    false,
    false,
  ]);
});

test("an ignore file's lines are cleaned; only # in the first column is a comment", () => {
  const text = "\ufeff# first\n /test2/ \r\n# comment\n #no comment\n\n./a/../b\n! /inverted/abs/path\n!\n/\n";
  assert.deepEqual(parseIgnoreFile(text), ["test2", "#no comment", "b", "!inverted/abs/path", "!", "/"]);
});

test("many stars on a long name take no longer than their product", () => {
  const pattern = `${"*a".repeat(200)}b`;
  const before = process.cpuUsage();
  assert.equal(matchPath(pattern, "a".repeat(2000)), false);
  assert.equal(new PatternMatcher([`${"**/a*".repeat(100)}b`]).matches("a/".repeat(1000)), false);
  assert.ok(process.cpuUsage(before).user < 2_000_000);
});

test("any pattern on any path gives an answer or PATTERN_INVALID", () => {
  const text = fc.string({ unit: fc.constantFrom("a", "b", "*", "?", "[", "]", "^", "-", "\\", "/", "!", ".", "😀", " "), maxLength: 16 });
  fc.assert(
    fc.property(fc.array(text, { maxLength: 4 }), text, (patterns, path) => {
      try {
        const matcher = new PatternMatcher(patterns);
        assert.equal(typeof matcher.matches(path), "boolean");
        assert.equal(typeof matcher.child(undefined, path).isMatch, "boolean");
        matcher.couldContainReincluded(path);
      } catch (error) {
        if (!(error instanceof TsbuildError)) throw error;
      }
    }),
    { numRuns: 500 },
  );
});
