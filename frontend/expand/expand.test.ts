import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { TsbuildError } from "../../base/errors.js";
import { expand, expandWords } from "./expand.js";
import type { Environment, ExpandOptions } from "./expand.js";

function environment(values: Readonly<Record<string, string>>): Environment {
  const map = new Map(Object.entries(values));
  return { get: (name) => map.get(name), keys: () => map.keys() };
}

const ENV = environment({
  PWD: "/home",
  NULL: "",
  KOREAN: "한국어",
  FOO: "xxyy",
  S: "string-with-dashes-x",
  P: "red-green-red/blue-red.tar",
  GLOBS: "a***yy*",
  PATHS: "/foo*/*/*.txt",
  URL: "http://google.de",
  X: "x",
  STAR: "*",
  LINES: "a\nb",
});
const BACKSLASH: ExpandOptions = { escape: "\\" };

const VALUES: readonly [source: string, expected: string][] = [
  // Quotes and escapes
  ["hello", "hello"],
  ["he'll'o", "hello"],
  ["he'llo", "error"],
  ["he\\'llo", "he'llo"],
  ["he\\\\'llo", "error"],
  ["abc\\tdef", "abctdef"],
  ['"abc\\tdef"', "abc\\tdef"],
  ["'abc\\tdef'", "abc\\tdef"],
  ["hello\\", "hello"],
  ["hello\\\\", "hello\\"],
  ['"hello', "error"],
  ['"hello\\"', "error"],
  ['"hel\'lo"', "hel'lo"],
  ["'hello\\'", "hello\\"],
  ['"\\""', '"'],
  ['"\'"', "'"],
  ['"\\$"', "$"],
  ["\\$PWD", "$PWD"],
  ["\\${PWD}", "${PWD}"],
  ["'$PWD'", "$PWD"],
  ["'${PWD}'", "${PWD}"],
  ['"$PWD"', "/home"],
  ["a b  c ", "a b  c "],
  ['""', ""],
  ["''", ""],
  ["", ""],
  // Names
  ["$PWD", "/home"],
  ["${PWD}", "/home"],
  ["$PWD-x", "/home-x"],
  ["${PWD}x$PWD", "/homex/home"],
  ["$UNSETx", ""],
  ["he$PWD,x", "he/home,x"],
  ["$KOREAN", "한국어"],
  ["a$", "a$"],
  ["$ a", "$ a"],
  ["a$.", "a$."],
  ["$1", ""],
  ["$12x", "x"],
  ["$@", ""],
  ["$$", ""],
  ["$?x", "x"],
  ["$*", ""],
  ["$#", ""],
  ["$!", ""],
  ["$-", ""],
  ["${1}", ""],
  ["${@}x", "x"],
  ["$\u00e9t\u00e9", ""],
  ["${", "error"],
  ["${}", "error"],
  ["${{PWD}}", "error"],
  ["${:PWD}", "error"],
  ["${PWD", "error"],
  ["${PWD!x}", "error"],
  ["${PWD=x}", "error"],
  ["${PWD:", "error"],
  ["${PWD:}", "error"],
  ["${PWD:x}", "error"],
  // Defaults and alternatives
  ["${PWD:-d}", "/home"],
  ["${NULL:-d}", "d"],
  ["${U:-d}", "d"],
  ["${PWD-d}", "/home"],
  ["${NULL-d}", ""],
  ["${U-d}", "d"],
  ["${PWD:+a}", "a"],
  ["${NULL:+a}", ""],
  ["${U:+a}", ""],
  ["${PWD+a}", "a"],
  ["${NULL+a}", "a"],
  ["${U+a}", ""],
  ["${U:-}", ""],
  ["${U:-${X}}", "x"],
  ["${U:-pre${V:-${X}y}post}", "prexypost"],
  ["${X:+${X}${X}}", "xx"],
  ["${U:-a b}", "a b"],
  ["${U:-'}'}", "}"],
  ['${U:-"}"}', "}"],
  ["${U:-\\}}", "}"],
  ["${U:-$PWD/x}", "/home/x"],
  ["${U:-d", "error"],
  ["${U:-${X}", "error"],
  ["${U:-'d}", "error"],
  ['"${U:-a"b"c}"', "abc"],
  ["${X?m}", "x"],
  ["${X:?m}", "x"],
  ["${NULL?m}", ""],
  ["${NULL:?m}", "error"],
  ["${U?m}", "error"],
  ["${U:?m}", "error"],
  // Prefix and suffix
  ["${P#*red}", "-green-red/blue-red.tar"],
  ["${P##*red}", ".tar"],
  ["${P#red-}", "green-red/blue-red.tar"],
  ["${P#nomatch}", "red-green-red/blue-red.tar"],
  ["${P##*/}", "blue-red.tar"],
  ["${P#?ed}", "-green-red/blue-red.tar"],
  ["${P%red*}", "red-green-red/blue-"],
  ["${P%%red*}", ""],
  ["${P%.tar}", "red-green-red/blue-red"],
  ["${P%/*}", "red-green-red"],
  ["${P%%-*}", "red"],
  ["${FOO#*x*y}", "y"],
  ["${FOO#*}", "xxyy"],
  ["${FOO##*}", ""],
  ["${FOO#}", "xxyy"],
  ["${FOO##}", "xxyy"],
  ["${FOO%}", "xxyy"],
  ["${FOO#$X}", "xyy"],
  ["${FOO%%$NULL}", "xxyy"],
  ["${GLOBS%%\\**\\*}", "a"],
  ["${GLOBS%\\*}", "a***yy"],
  ["${GLOBS##a\\*}", "**yy*"],
  ["${U#x}", ""],
  ["${FOO#$STAR}", "xxyy"],
  ["${FOO#\\x}", "error"],
  ["${FOO:#x}", "error"],
  ["${FOO:%x}", "error"],
  ["${KOREAN#?}", "국어"],
  ["${KOREAN%?}", "한국"],
  // Replacement
  ["${S/-/_}", "string_with-dashes-x"],
  ["${S//-/_}", "string_with_dashes_x"],
  ["${S/with/}", "string--dashes-x"],
  ["${S//s/SS}", "SString-with-daSSheSS-x"],
  ["${S/i*h/*}", "str*es-x"],
  ["${S//nothing/x}", "string-with-dashes-x"],
  ["${PATHS/\\*\\//.}", "/foo.*/*.txt"],
  ["${PATHS//\\*\\//.}", "/foo..*.txt"],
  ["${URL/http:\\/\\//https:}", "https:google.de"],
  ["${PWD//\\//\\/}", "\\/home"],
  ["${FOO/$NULL/ww}", "wwxxyy"],
  ["${FOO///}", "xxyy"],
  ["${FOO//$NULL/.}", ".x.x.y.y."],
  ["${FOO//x*/$1}", ""],
  ["${FOO/x/$PWD}", "/homexyy"],
  ["${FOO/x/$}", "$xyy"],
  ["${FOO//ww}", "error"],
  ["${FOO//}", "error"],
  ["${FOO/x/y", "error"],
  ["${U//a/b}", ""],
  ["${FOO//?/ab}", "abababab"],
];

for (const [source, expected] of VALUES) {
  test(`${JSON.stringify(source)} expands to ${JSON.stringify(expected)}`, () => {
    if (expected === "error")
      assert.throws(
        () => expand(source, ENV, BACKSLASH),
        (error) => error instanceof TsbuildError && error.code.startsWith("EXPAND_"),
      );
    else assert.equal(expand(source, ENV, BACKSLASH).value, expected);
  });
}

const MESSAGES: readonly [source: string, words: string][] = [
  ['"${MISSING:?please set MISSING}"', "MISSING: please set MISSING"],
  ["${U?}", "U: is not allowed to be unset"],
  ["${NULL:?}", "NULL: is not allowed to be empty"],
  ["${B", "missing '}'"],
  ["${B", "${B"],
  ["${}", "bad substitution"],
  ["${B:#x}", "unsupported modifier (:#) in substitution"],
  ["${B/x}", "missing '/' in ${}"],
  ["'x", "single quote"],
  ['"x', "double quote"],
];

for (const [source, words] of MESSAGES) {
  test(`the error about ${source} says ${words}`, () => {
    assert.throws(
      () => expand(source, ENV, BACKSLASH),
      (error) => error instanceof TsbuildError && error.message.includes(words),
    );
  });
}

test("the backquote escapes where the file says so, and the backslash then is a letter", () => {
  const options = { escape: "`" };
  assert.equal(expand('C:\\x `$PWD "a`"b" `` "`x"', ENV, options).value, 'C:\\x $PWD a"b ` `x');
  assert.equal(expand("${FOO#x\\*}", ENV, options).value, "xxyy");
});

test("names that were looked up are told apart by whether they are set", () => {
  const { used, missing } = expand("${PWD:+$X} ${U:-$V} $NULL $1", ENV, BACKSLASH);
  assert.deepEqual(
    [[...used].sort(), [...missing].sort()],
    [
      ["NULL", "PWD", "X"],
      ["1", "U", "V"],
    ],
  );
});

test("quotes, escapes and unset variables can be kept", () => {
  assert.equal(expand("'a' \"$X\" \\$X", ENV, { escape: "\\", rawQuotes: true }).value, "'a' \"x\" $X");
  assert.equal(expand("'$X' \"b", ENV, { escape: "\\", ignoreQuotes: true }).value, "'x' \"b");
  assert.equal(expand("\\$X \\a", ENV, { escape: "\\", keepEscapes: true }).value, "\\$X \\a");
  assert.equal(
    expand("$U ${U} ${U:-d} ${U##*/} ${U//a/b} $X", ENV, { escape: "\\", keepUnset: true }).value,
    "$U ${U} ${U:-d} ${U##*/} ${U//a/b} x",
  );
});

const WORDS: readonly [source: string, expected: readonly string[]][] = [
  ["hello", ["hello"]],
  [" hello   there ", ["hello", "there"]],
  ["'a b' \"c d\" e\\ f", ["a b", "c d", "e f"]],
  ["$LIST x", ["1", "2", "x"]],
  ['"$LIST"', ["1 2 "]],
  ["a$LIST", ["a1", "2"]],
  ["'' \"\" $NULL", []],
  ["${U:-a b}c", ["a", "bc"]],
  ["\\", []],
  ["a\u00a0b\tc", ["a", "b", "c"]],
  ["''a", ["a"]],
];

for (const [source, expected] of WORDS) {
  test(`${JSON.stringify(source)} splits into ${JSON.stringify(expected)}`, () => {
    assert.deepEqual(expandWords(source, environment({ LIST: "1 2 ", NULL: "" }), BACKSLASH), expected);
  });
}

test("a value that grows without bound is an error, and soon", () => {
  const env = environment({ A: "x".repeat(1 << 19), B: "a".repeat(200_000) });
  const sources = [
    "$A$A$A",
    '"$A$A$A"',
    "$A".repeat(100_000),
    "${A//x/$A}",
    "${A//x/yyyy}",
    `${"${U:-".repeat(50_000)}`,
    `\${B//${"?".repeat(100_000)}b/x}`,
    "${U:-$A$A$A}",
  ];
  for (const source of sources) {
    const before = process.cpuUsage();
    assert.throws(
      () => expand(source, env, BACKSLASH),
      (error) => error instanceof TsbuildError && error.code === "EXPAND_TOO_LONG",
      source.slice(0, 20),
    );
    assert.ok(process.cpuUsage(before).user < 3_000_000, source.slice(0, 20));
  }
});

test("any text gives a value or an EXPAND error", () => {
  const bits = [
    "$",
    "${",
    "}",
    "X",
    "U",
    "FOO",
    ":-",
    "-",
    "+",
    "?",
    "#",
    "%",
    "/",
    "*",
    "\\",
    "'",
    '"',
    " ",
    "a",
    "😀",
    "`",
    ":",
    "@",
    "1",
    "\ud800",
  ];
  const text = fc.array(fc.constantFrom(...bits), { maxLength: 16 }).map((parts) => parts.join(""));
  fc.assert(
    fc.property(text, fc.constantFrom("\\", "`"), (source, escape) => {
      try {
        assert.equal(typeof expand(source, ENV, { escape }).value, "string");
        assert.equal(expandWords(source, ENV, { escape }).includes(""), false);
      } catch (error) {
        if (!(error instanceof TsbuildError)) throw error;
        assert.match(error.code, /^EXPAND_/);
      }
    }),
    { numRuns: 3000 },
  );
});
