import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { comparePaths, decodePath, encodePath, pathBytes } from "./path-bytes.js";

test("any bytes come back unchanged", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 24 }), (array) => {
      const bytes = Buffer.from(array);
      assert.deepEqual(pathBytes(decodePath(bytes)), bytes);
    }),
  );
});

test("UTF-8 names stay plain strings", () => {
  assert.equal(decodePath(Buffer.from("größe/日本/😀")), "größe/日本/😀");
  assert.equal(encodePath("größe/日本/😀"), "größe/日本/😀");
});

test("a byte that is not UTF-8 becomes one lone surrogate", () => {
  assert.equal(decodePath(Buffer.from([0x61, 0xff, 0xc3, 0xa9])), "a\udcffé");
  assert.deepEqual(encodePath("a\udcffé"), Buffer.from([0x61, 0xff, 0xc3, 0xa9]));
});

test("UTF-8 of a surrogate is not UTF-8", () => {
  const bytes = Buffer.from([0xed, 0xb2, 0x80]);
  assert.equal(decodePath(bytes), "\udced\udcb2\udc80");
  assert.deepEqual(encodePath("\udced\udcb2\udc80"), bytes);
});

test("half a surrogate pair is refused", () => {
  assert.throws(() => encodePath("a\ud83d"), { code: "PATH_INVALID" });
});

test("paths are ordered by their bytes", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 6 }), fc.uint8Array({ maxLength: 6 }), (x, y) => {
      const [a, b] = [Buffer.from(x), Buffer.from(y)];
      assert.equal(Math.sign(comparePaths(decodePath(a), decodePath(b))), Buffer.compare(a, b));
    }),
    {
      examples: [
        [Buffer.from("\uffee"), Buffer.from("😀")],
        [Buffer.from([0xff]), Buffer.from("😀")],
      ],
    },
  );
  assert.ok(comparePaths("a-b", "a/b") < 0);
  assert.ok(comparePaths("\uffee", "😀") < 0);
});
