import assert from "node:assert/strict";
import { test } from "node:test";
import { csvAttributes, csvFields } from "./csv.js";
import { insecureRegistries } from "./insecure-registries.js";
import { keyValues } from "./key-value.js";
import { parseBoolean, parseCount, parseSize } from "./numbers.js";

test("a quoted field may hold commas and doubled quotes", () => {
  assert.deepEqual(csvFields("-o", 'type=oci,"dest=a,b ""c"""'), ["type=oci", 'dest=a,b "c"']);
  assert.deepEqual(csvFields("-o", "a,,b"), ["a", "", "b"]);
});

test("wrong quotes are refused", () => {
  assert.throws(() => csvFields("-o", 'a,"b'), { code: "USAGE", message: /not closed/ });
  assert.throws(() => csvFields("-o", 'a"b'), { code: "USAGE" });
});

test("attributes are key=value, each key once", () => {
  assert.deepEqual(Object.fromEntries(csvAttributes("-o", "Type=oci,dest=a=b")), { type: "oci", dest: "a=b" });
  assert.throws(() => csvAttributes("-o", "type=oci,dest"), { message: /"dest" is not of the form/ });
  assert.throws(() => csvAttributes("-o", "a=1,a=2"), { message: /twice/ });
});

test("sizes have units of 1024", () => {
  assert.equal(parseSize("-m", "64m"), 64 * 1024 * 1024);
  assert.equal(parseSize("-m", "1.5K"), 1536);
  assert.equal(parseSize("-m", "2GiB"), 2 * 1024 ** 3);
  assert.equal(parseSize("-m", "33554432"), 33_554_432);
  for (const wrong of ["", "x", "5x", "-1", "1 2", "9999999p"]) assert.throws(() => parseSize("-m", wrong), { code: "USAGE" }, wrong);
});

test("counts are whole numbers", () => {
  assert.equal(parseCount("--n", "12", 0), 12);
  for (const wrong of ["1.5", "", "0x10", "-1", "1e3"]) assert.throws(() => parseCount("--n", wrong, 0), { code: "USAGE" }, wrong);
});

test("booleans are Go's words", () => {
  assert.deepEqual(["true", "T", "1", "FALSE", "0", "yes"].map(parseBoolean), [true, true, true, false, false, undefined]);
});

test("a name without a value is taken from elsewhere or left out; the last one wins", () => {
  const values = keyValues("--build-arg", ["A=1", "B", "C", "A=2=3", "D="], (name) => (name === "B" ? "from env" : undefined));
  assert.deepEqual(
    [...values],
    [
      ["A", "2=3"],
      ["B", "from env"],
      ["D", ""],
    ],
  );
  assert.throws(() => keyValues("--label", ["=x"], () => ""), { code: "USAGE" });
});

test("insecure registries come from flags and environment", () => {
  assert.deepEqual(insecureRegistries(["a:5000"], { TSBUILD_INSECURE_REGISTRIES: "b, a:5000,[::1]:80" }), ["a:5000", "b", "[::1]:80"]);
  assert.throws(() => insecureRegistries(["http://a"], {}), { code: "USAGE", message: /http:\/\/a/ });
});
