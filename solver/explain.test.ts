import assert from "node:assert/strict";
import { test } from "node:test";
import { sha256Digest } from "../base/digest.js";
import type { KeyPart, StepKey, StepRecord } from "../cache/types.js";
import { explainMiss } from "./explain.js";
import { stepKey } from "./keys.js";

const file = (path: string, value: string): KeyPart => ({ name: `file ${path}`, value, isDetail: true });
const COPY: readonly KeyPart[] = [
  { name: "operation", value: "file" },
  { name: "base", value: "one" },
  file("src/a.ts", "file 644 aaaa"),
  file("src/b.ts", "file 644 bbbb"),
  { name: "content", value: "whole 1" },
];

function record(parts: readonly KeyPart[]): StepRecord {
  return { key: stepKey(parts), identity: sha256Digest("x"), chain: [], parts, place: "p", name: "n", createdAtMs: 0, durationMs: 0 };
}

function why(
  older: readonly (readonly KeyPart[])[],
  parts: readonly KeyPart[],
  base: { name: string; isImage: boolean } = { name: "[1/2] RUN make", isImage: false },
): string {
  return explainMiss({ parts, older: older.map(record), baseName: base.name, baseIsImage: base.isImage });
}

function withPart(parts: readonly KeyPart[], name: string, value: string): readonly KeyPart[] {
  return parts.map((part) => (part.name === name ? { ...part, value } : part));
}

test("a place that was never built says so", () => {
  assert.equal(why([], COPY), "never built here");
});

test("a changed file is named by its path, and the checksum over all files is not counted as a change of its own", () => {
  assert.equal(why([COPY], withPart(withPart(COPY, "file src/a.ts", "file 644 ffff"), "content", "whole 2")), "src/a.ts changed");
});

test("a file whose content is the same is told apart from one that was edited", () => {
  assert.equal(why([COPY], withPart(COPY, "file src/a.ts", "file 755 aaaa")), "src/a.ts changed its mode or owner");
});

test("files that came and went", () => {
  assert.equal(why([COPY], [...COPY, file("src/c.ts", "file 644 cccc")]), "src/c.ts is new");
  assert.equal(
    why(
      [COPY],
      COPY.filter((part) => part.name !== "file src/b.ts"),
    ),
    "src/b.ts was removed",
  );
});

test("a build argument is shown with both values, and other changes are counted", () => {
  const parts: readonly KeyPart[] = [...COPY, { name: "ARG VERSION", value: "1.2" }];
  const next = withPart(withPart(parts, "ARG VERSION", "1.3"), "file src/a.ts", "file 644 ffff");
  assert.equal(why([parts], next), "ARG VERSION 1.2 → 1.3 (and 1 more change)");
});

test("the nearest of the older records counts, not the newest", () => {
  const far = withPart(withPart(COPY, "file src/a.ts", "x"), "file src/b.ts", "y");
  assert.equal(why([far, COPY], withPart(COPY, "file src/b.ts", "file 644 ffff")), "src/b.ts changed");
});

test("a moved base image and a changed step before are told apart", () => {
  const moved = withPart(COPY, "base", "two");
  assert.equal(why([COPY], moved, { name: "debian:bookworm", isImage: true }), "base image debian:bookworm moved");
  assert.equal(why([COPY], moved), "the result of [1/2] RUN make changed");
});

test("equal ingredients mean that the result was lost", () => {
  assert.equal(why([COPY], COPY), "its result is no longer in the store");
});

test("the list of files explains the key but is not in it", () => {
  assert.equal(stepKey(COPY), stepKey(withPart(COPY, "file src/a.ts", "another")));
  assert.notEqual(stepKey(COPY), stepKey(withPart(COPY, "content", "another")) satisfies StepKey);
});
