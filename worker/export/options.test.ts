import assert from "node:assert/strict";
import { test } from "node:test";
import { imageOptions, isSplit } from "./options.js";

test("an attribute that nobody knows is refused, with those that are", () => {
  assert.throws(() => imageOptions({ type: "image", attributes: { compresion: "gzip" } }), {
    code: "OUTPUT_INVALID",
    message: /no attribute "compresion"/,
    hint: /compression/,
  });
  assert.throws(() => imageOptions({ type: "tar", dest: "-", attributes: { "annotation.a": "b" } }), { code: "OUTPUT_INVALID" });
});

test("annotations make the media types OCI's, since Docker's manifests have no place for them", () => {
  const docker = { type: "docker", dest: "x" } as const;
  assert.equal(imageOptions({ ...docker, attributes: {} }).ociMediaTypes, false);
  assert.equal(imageOptions({ ...docker, attributes: { "annotation.a": "b" } }).ociMediaTypes, true);
});

test("switches are true or false, and what they are by default", () => {
  const { isStored, nameCanonical, pushByDigest } = imageOptions({ type: "image", attributes: { store: "false", "name-canonical": "" } });
  assert.deepEqual([isStored, nameCanonical, pushByDigest], [false, true, false]);
  assert.throws(() => imageOptions({ type: "image", attributes: { "push-by-digest": "yes" } }), { code: "OUTPUT_INVALID" });
});

test("files of several platforms have folders of their own, of one when that is asked for", () => {
  const local = { type: "local", dest: "/x" } as const;
  assert.equal(isSplit({ ...local, attributes: {} }, 1), false);
  assert.equal(isSplit({ ...local, attributes: { "platform-split": "true" } }, 1), true);
  assert.equal(isSplit({ ...local, attributes: {} }, 2), true);
  assert.throws(() => isSplit({ ...local, attributes: { "platform-split": "false" } }, 2), { code: "OUTPUT_INVALID" });
});

test("a folder is only added to", () => {
  imageOptions({ type: "local", dest: "/x", attributes: { mode: "copy" } });
  assert.throws(() => imageOptions({ type: "local", dest: "/x", attributes: { mode: "delete" } }), { code: "UNSUPPORTED" });
});
