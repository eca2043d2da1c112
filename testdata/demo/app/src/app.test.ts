import assert from "node:assert/strict";
import { test } from "node:test";
import { greeting } from "./greeting.js";
import { parseWordCount } from "./word-count.js";

test("the greeting names whom it greets", () => {
  assert.match(greeting("you"), /you/);
});

test("the count of words is read from one line", () => {
  assert.deepEqual(parseWordCount("1 2 11\n"), { lines: 1, words: 2, bytes: 11 });
  assert.throws(() => parseWordCount("nothing"));
});
