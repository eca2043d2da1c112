import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseStrictJson } from "./strict-json.js";

const parse = (text: string | Buffer): unknown => parseStrictJson(Buffer.from(text), { what: "document", maxBytes: 10_000_000 });

test("reads what JSON.parse reads", () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 5 }), fc.nat(3), (value, indent) => {
      const text = JSON.stringify(value, undefined, indent);
      assert.equal(JSON.stringify(parse(text)), JSON.stringify(JSON.parse(text)));
    }),
  );
});

test("accepts and refuses what JSON.parse accepts and refuses, but for doubled keys", () => {
  const alphabet = fc.constantFrom(...'{}[]",:\\u0041 tfn-+.eE0123 \n\u0001'.split(""), "true", "null", '"a"', '"b":');
  fc.assert(
    fc.property(fc.array(alphabet, { maxLength: 12 }), (parts) => {
      const text = parts.join("");
      let expected: unknown;
      try {
        expected = JSON.parse(text);
      } catch {
        assert.throws(() => parse(text), { code: "IMAGE_INVALID" });
        return;
      }
      if (!/"(a|b|)".*"\1"/s.test(text)) assert.equal(JSON.stringify(parse(text)), JSON.stringify(expected));
    }),
    { numRuns: 2000 },
  );
});

test("a key that stands twice is refused, in another spelling too", () => {
  assert.throws(() => parse('{"a":1,"a":2}'), /"a" stands twice/);
  assert.throws(() => parse('{"a":1,"\\u0061":2}'), /"a" stands twice/);
  assert.throws(() => parse('[{"x":{"toString":1,"toString":1}}]'), /stands twice/);
});

test("__proto__ is a key like any other", () => {
  const value = parse('{"__proto__":{"polluted":1},"constructor":2}');
  assert.deepEqual(Object.keys(value as object), ["__proto__", "constructor"]);
  assert.equal(Object.getPrototypeOf(value), null);
  assert.equal(({} as { polluted?: number }).polluted, undefined);
});

test("depth, size and encoding are bounded", () => {
  assert.throws(() => parse("[".repeat(100_000)), /deeper/);
  assert.throws(() => parseStrictJson(Buffer.alloc(11, "1"), { what: "document", maxBytes: 10 }), /more than the 10/);
  assert.throws(() => parse(Buffer.from([0x22, 0xff, 0x22])), /not UTF-8/);
  assert.equal(parse(`"${"x".repeat(5_000_000)}"`), "x".repeat(5_000_000));
});
