import assert from "node:assert/strict";
import { test } from "node:test";
import { parsePlatform } from "../../base/platform.js";
import { annotationsOf, checkAnnotations, readAnnotation } from "./annotations.js";

const AMD = parsePlatform("linux/amd64");
const ARM = parsePlatform("linux/arm64");

test("an attribute tells place, platform and key, dots in the key included", () => {
  assert.deepEqual(readAnnotation("annotation.org.example.a", "1"), { place: "manifest", key: "org.example.a", value: "1" });
  assert.deepEqual(readAnnotation("annotation-index.a", "1"), { place: "index", key: "a", value: "1" });
  assert.deepEqual(readAnnotation("annotation-manifest-descriptor[linux/arm64/v8].a", "1"), {
    place: "manifest-descriptor",
    platform: "linux/arm64",
    key: "a",
    value: "1",
  });
  assert.equal(readAnnotation("compression", "gzip"), undefined);
});

test("a place that isn't one and a platform of an index are refused", () => {
  assert.throws(() => readAnnotation("annotation-layer.a", "1"), { code: "OUTPUT_INVALID" });
  assert.throws(() => readAnnotation("annotation-index[linux/amd64].a", "1"), { code: "OUTPUT_INVALID" });
});

test("what is said of a platform goes before what is said of all, in any order", () => {
  const all = [
    { place: "manifest", platform: "linux/arm64", key: "a", value: "arm" },
    { place: "manifest", key: "a", value: "all" },
    { place: "index", key: "b", value: "index" },
  ] as const;
  assert.deepEqual(annotationsOf(all, "manifest", ARM), { a: "arm" });
  assert.deepEqual(annotationsOf(all, "manifest", AMD), { a: "all" });
  assert.deepEqual(annotationsOf(all, "index"), { b: "index" });
  assert.equal(annotationsOf(all, "index-descriptor"), undefined);
});

test("an annotation that would come to nothing is refused", () => {
  const index = [{ place: "index", key: "a", value: "1" }] as const;
  checkAnnotations(index, [AMD, ARM]);
  assert.throws(() => checkAnnotations(index, [AMD]), { code: "OUTPUT_INVALID", message: /for an index/ });
  const arm = [{ place: "manifest", platform: "linux/arm64", key: "a", value: "1" }] as const;
  assert.throws(() => checkAnnotations(arm, [AMD]), { code: "OUTPUT_INVALID", message: /isn't built/ });
});
