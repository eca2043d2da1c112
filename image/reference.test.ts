import assert from "node:assert/strict";
import { test } from "node:test";
import { TsbuildError } from "../base/errors.js";
import { familiarName, formatReference, parseReference, withDefaultTag } from "./reference.js";

const HEX = "a".repeat(64);

test("short names get Docker's registry and namespace", () => {
  for (const [text, full] of [
    ["alpine", "docker.io/library/alpine"],
    ["alpine:3.20", "docker.io/library/alpine:3.20"],
    ["user/app", "docker.io/user/app"],
    ["index.docker.io/app", "docker.io/library/app"],
    ["docker.io/app", "docker.io/library/app"],
    ["localhost/app", "localhost/app"],
    ["localhost:5000/app:v1", "localhost:5000/app:v1"],
    ["localhost:5000", "docker.io/library/localhost:5000"],
    ["ghcr.io/a/b/c", "ghcr.io/a/b/c"],
    ["[::1]:5000/app", "[::1]:5000/app"],
    ["Registry/app", "Registry/app"],
    [`app:v1@sha256:${HEX}`, `docker.io/library/app:v1@sha256:${HEX}`],
    ["a__b/c--d.e:_x", "docker.io/a__b/c--d.e:_x"],
  ] as const) {
    assert.equal(formatReference(parseReference(text)), full, text);
    assert.deepEqual(parseReference(full), parseReference(text), text);
  }
});

test("wrong names say what is wrong with them", () => {
  for (const [text, problem] of [
    ["", /it is empty/],
    ["App", /must be lowercase/],
    ["docker.io/Foo/bar", /must be lowercase/],
    [":tag", /repository name is missing/],
    ["a//b", /empty part/],
    ["a/../b", /can't be part/],
    ["a..b", /can't be part/],
    ["-a", /can't be part/],
    ["app:", /tag "" is not valid/],
    [`app:${"x".repeat(129)}`, /tag/],
    ["app@sha256:abc", /is not a digest/],
    [`app@sha512:${HEX}${HEX}`, /"sha512" are not supported/],
    [HEX, /image ID/],
    ["a".repeat(256), /more than 255/],
    ["host:99999/app", /not a port/],
    ["ho_st.x/app", /not a registry/],
    ["a b", /can't be part/],
    ["a\n", /can't be part/],
    ["http://a.example/b", /./],
  ] as const) {
    assert.throws(
      () => parseReference(text),
      (error: unknown) => error instanceof TsbuildError && error.code === "REFERENCE_INVALID" && problem.test(error.message),
      text,
    );
  }
});

test("the familiar name reads as the same reference", () => {
  for (const [text, familiar] of [
    ["docker.io/library/alpine:3", "alpine:3"],
    ["docker.io/user/app", "user/app"],
    ["docker.io/library/a/b", "library/a/b"],
    ["docker.io/localhost/app", "docker.io/localhost/app"],
    ["docker.io/foo.bar/app", "docker.io/foo.bar/app"],
    ["ghcr.io/x/y:z", "ghcr.io/x/y:z"],
  ] as const) {
    assert.equal(familiarName(parseReference(text)), familiar);
    assert.deepEqual(parseReference(familiar), parseReference(text));
  }
});

test("latest is the tag only of names without tag and digest", () => {
  assert.equal(withDefaultTag(parseReference("a")).tag, "latest");
  assert.equal(withDefaultTag(parseReference("a:b")).tag, "b");
  assert.equal(withDefaultTag(parseReference(`a@sha256:${HEX}`)).tag, undefined);
});
