import assert from "node:assert/strict";
import { test } from "node:test";
import { sha256Digest } from "../base/digest.js";
import { chainIds, parseImageConfig } from "./parse-config.js";
import { parseIndex, parseManifest, parseManifestOrIndex } from "./parse.js";
import { MEDIA, type ImageConfigFile } from "./types.js";
import { encodeConfig, encodeIndex, encodeManifest } from "./write.js";

const A = sha256Digest("a");
const B = sha256Digest("b");
const config = { mediaType: MEDIA.ociConfig, digest: A, size: 3 };
const layer = { mediaType: MEDIA.ociLayerGzip, digest: B, size: 7, annotations: { k: "v" } };
const manifest = { schemaVersion: 2, mediaType: MEDIA.ociManifest, config, layers: [layer], annotations: { x: "y" } } as const;
const index = {
  schemaVersion: 2,
  mediaType: MEDIA.dockerIndex,
  manifests: [{ mediaType: MEDIA.dockerManifest, digest: A, size: 1, platform: { os: "linux", architecture: "arm", variant: "v7" } }],
} as const;

const bytes = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

test("manifests and indexes come back from their bytes", () => {
  assert.deepEqual(plain(parseManifest(encodeManifest(manifest))), manifest);
  assert.deepEqual(plain(parseIndex(encodeIndex(index))), index);
});

test("the media type comes from the document, else from outside, else from its members", () => {
  const { mediaType: _dropped, ...bare } = manifest;
  assert.equal(parseManifest(bytes(bare)).mediaType, MEDIA.ociManifest);
  assert.equal(parseManifest(bytes(bare), MEDIA.dockerManifest).mediaType, MEDIA.dockerManifest);
  assert.equal(parseManifest(bytes(manifest), "application/json").mediaType, MEDIA.ociManifest);
  assert.equal(parseIndex(bytes({ schemaVersion: 2, manifests: [] })).mediaType, MEDIA.ociIndex);
});

test("what could be read as manifest and as index is refused", () => {
  for (const [document, type] of [
    [{ ...manifest, manifests: [] }],
    [{ ...index, layers: [] }],
    [{ ...index, config }],
    [{ ...manifest, Manifests: [] }],
    [{ ...manifest, LAYERS: [] }],
    [manifest, MEDIA.ociIndex],
    [index, MEDIA.dockerManifest],
    [{ schemaVersion: 2, manifests: [] }, MEDIA.ociManifest],
    [{ ...manifest, mediaType: MEDIA.ociIndex }],
  ] as const) {
    assert.throws(() => parseManifestOrIndex(bytes(document), type), { code: "IMAGE_AMBIGUOUS" }, JSON.stringify(document));
  }
});

test("wrong documents name the field", () => {
  for (const [document, problem] of [
    [{ ...manifest, schemaVersion: 3 }, /schemaVersion must be 2/],
    [{ ...manifest, config: undefined }, /config is missing/],
    [{ ...manifest, layers: [layer, { ...layer, size: -1 }] }, /layers\[1\]\.size is -1/],
    [{ ...manifest, layers: [{ ...layer, digest: "sha512:00" }] }, /layers\[0\]\.digest is "sha512:00"/],
    [{ ...manifest, layers: [{ ...layer, size: 1.5 }] }, /layers\[0\]\.size must be an integer/],
    [{ ...manifest, layers: {} }, /layers must be a list, found an object/],
    [{ ...manifest, mediaType: "text/html" }, /mediaType is "text\/html"/],
    [[], /must be an object/],
  ] as const) {
    assert.throws(
      () => parseManifest(bytes(document)),
      (error: Error) => "code" in error && error.code === "IMAGE_INVALID" && problem.test(error.message),
      JSON.stringify(document),
    );
  }
  assert.throws(() => parseManifest(bytes({ schemaVersion: 1, fsLayers: [] })), { code: "IMAGE_SCHEMA_1" });
  assert.throws(() => parseManifest(Buffer.alloc(4 * 1024 * 1024 + 1, " ")), /more than/);
  assert.throws(
    () => parseIndex(bytes({ ...index, manifests: Array.from({ length: 10_000 }, () => index.manifests[0]) })),
    /more than 2000/,
  );
});

const full: ImageConfigFile = {
  created: "2024-01-02T03:04:05Z",
  author: "me",
  architecture: "arm",
  os: "linux",
  variant: "v7",
  config: {
    User: "1:2",
    ExposedPorts: { "80/tcp": {} },
    Env: ["A=1", "B="],
    Entrypoint: ["/x"],
    Cmd: ["y"],
    Volumes: { "/v": {} },
    WorkingDir: "/w",
    Labels: { b: "2", a: "1" },
    StopSignal: "SIGINT",
    ArgsEscaped: true,
    Healthcheck: { Test: ["CMD", "z"], Interval: 1, Timeout: 2, StartPeriod: 3, StartInterval: 4, Retries: 5 },
    OnBuild: ["RUN q"],
    Shell: ["/s"],
  },
  rootfs: { type: "layers", diff_ids: [A, B] },
  history: [{ created: "2024-01-01T00:00:00Z", created_by: "c", author: "a", comment: "d", empty_layer: true }, {}],
};

test("a config comes back from its bytes with every field", () => {
  assert.deepEqual(plain(parseImageConfig(encodeConfig(full))), full);
});

test("the bytes don't depend on the order of members", () => {
  const { config: inner, ...rest } = full;
  const turned = { config: { ...Object.fromEntries(Object.entries(inner).reverse()), Labels: { a: "1", b: "2" } }, ...rest };
  assert.deepEqual(encodeConfig(turned), encodeConfig(full));
});

test("an environment entry without a name and = is dropped", () => {
  const parsed = parseImageConfig(
    bytes({ rootfs: { type: "layers" }, config: { Env: ["AWS_SECRET_ACCESS_KEY", "PATH*", "=x", "OK=1", "N=\u0000"] } }),
  );
  assert.deepEqual(parsed.config.Env, ["OK=1"]);
});

test("null and unknown members of a config are absent", () => {
  const parsed = parseImageConfig(
    bytes({
      os: "linux",
      architecture: "amd64",
      docker_version: "1",
      config: { Cmd: null, Foo: 1 },
      rootfs: { type: "layers", diff_ids: null },
      history: null,
    }),
  );
  assert.deepEqual(parsed, { os: "linux", architecture: "amd64", config: {}, rootfs: { type: "layers", diff_ids: [] }, history: [] });
});

test("a config with wrong types names the field", () => {
  const base = { rootfs: { type: "layers", diff_ids: [] } };
  for (const [document, problem] of [
    [{ ...base, config: { Env: "A=1" } }, /image config: config\.Env must be a list, found the text "A=1"/],
    [{ ...base, config: { Cmd: [1] } }, /config\.Cmd\[0\] must be a string/],
    [{ ...base, config: { Labels: { a: 1 } } }, /config\.Labels\["a"\] must be a string/],
    [{ ...base, config: { Healthcheck: { Retries: "3" } } }, /Healthcheck\.Retries must be an integer/],
    [{ rootfs: { type: "layers", diff_ids: ["x"] } }, /rootfs\.diff_ids\[0\] is "x"/],
    [{ rootfs: { type: "windows" } }, /rootfs\.type must be "layers"/],
    [{}, /rootfs is missing/],
  ] as const) {
    assert.throws(
      () => parseImageConfig(bytes(document)),
      (error: Error) => problem.test(error.message),
      JSON.stringify(document),
    );
  }
});

test("chain IDs are those of the image spec", () => {
  assert.deepEqual(chainIds([]), []);
  assert.deepEqual(chainIds([A, B]), [A, sha256Digest(`${A} ${B}`)]);
  assert.equal(chainIds([A, B, A])[2], sha256Digest(`${sha256Digest(`${A} ${B}`)} ${A}`));
});
