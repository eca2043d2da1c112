import assert from "node:assert/strict";
import { test } from "node:test";
import { digestOf } from "../../base/digest.js";
import { digestNames, storedNames } from "./names.js";

const DIGEST = digestOf("an image");

test("canonical names are those of the tags and of the output, without their tags and with the digest", () => {
  assert.deepEqual(storedNames({ names: ["docker.io/library/a:1"], tags: ["host/b:latest"], nameCanonical: true }, DIGEST), [
    "docker.io/library/a:1",
    `host/b@${DIGEST}`.replace("host/", "docker.io/host/"),
    `docker.io/library/a@${DIGEST}`,
  ]);
});

test("a prefix names every image, or only one without another name", () => {
  assert.deepEqual(storedNames({ names: [], danglingPrefix: "left" }, DIGEST), [`docker.io/library/left@${DIGEST}`]);
  assert.equal(storedNames({ names: ["docker.io/library/a:1"], danglingPrefix: "left" }, DIGEST).length, 2);
  assert.deepEqual(storedNames({ names: [], tags: ["a"], danglingPrefix: "left", danglingEmptyOnly: true }, DIGEST), []);
});

test("a push by digest goes to the names alone; one with a tag is refused", () => {
  assert.deepEqual(digestNames(["docker.io/library/a:latest"], ["host.test/b"], DIGEST), [
    `docker.io/library/a@${DIGEST}`,
    `host.test/b@${DIGEST}`,
  ]);
  assert.throws(() => digestNames([], ["host.test/b:1"], DIGEST), { code: "OUTPUT_INVALID", hint: "write name=host.test/b" });
});
