import assert from "node:assert/strict";
import { test } from "node:test";
import { editDistance } from "../base/edit-distance.js";
import { suggest } from "./suggest.js";

test("insertions, deletions, substitutions and swaps cost one each", () => {
  assert.equal(editDistance("build", "build"), 0);
  assert.equal(editDistance("biuld", "build"), 1);
  assert.equal(editDistance("buld", "build"), 1);
  assert.equal(editDistance("", "run"), 3);
  assert.equal(editDistance("kitten", "sitting"), 3);
});

test("the nearest candidate wins, and far ones are none", () => {
  assert.equal(suggest("imges", ["image", "images", "inspect"]), "images");
  assert.equal(suggest("xyz", ["run", "tag"]), undefined);
});
