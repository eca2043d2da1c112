/** The client, pull and push against a real registry. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { promisify } from "node:util";
import { sha256Digest } from "../../base/digest.js";
import { MemoryBlobStore } from "../memory-blob-store.js";
import { fetchBlob, fetchManifest } from "../pull.js";
import { pushImage } from "../push.js";
import { parseReference, type Reference } from "../reference.js";
import { noise, putImage, putIndex } from "../test-image.js";
import { RegistryClient, type RegistryClientOptions } from "./client.js";
import { noRegistryBecause, startRegistry, type TestRegistry } from "./test-registry.js";

const missing = await noRegistryBecause();
const signal = new AbortController().signal;
const platform = { os: "linux", architecture: "arm64" };
/** user `ann`, password `pass` */
const HTPASSWD = "ann:$2y$05$abcdefghijklmnopqrstuuZFBUbfXoM8LFiPx8LYlO/sXZB/Cwk3K\n";

const clientWith = (options: RegistryClientOptions = {}): RegistryClient =>
  new RegistryClient({ env: {}, credentials: async () => undefined, ...options });

describe("a real registry", { skip: missing ?? false }, () => {
  let registry: TestRegistry;
  before(async () => {
    registry = await startRegistry();
  });
  after(() => registry[Symbol.asyncDispose]());
  const named = (name: string): Reference => parseReference(`${registry.host}/${name}`);

  test("an index that is pushed comes back byte for byte, for the platform that is asked for", async () => {
    await using client = clientWith();
    const source = new MemoryBlobStore();
    const amd = await putImage(source, [noise("amd", 100_000)]);
    const arm = await putImage(source, [noise("arm", 3_000_000), noise("arm2", 10), Buffer.alloc(0)], { platform });
    const root = await putIndex(source, [
      { ...amd.descriptor, platform: { os: "linux", architecture: "amd64" } },
      { ...arm.descriptor, platform },
    ]);
    const reference = named("a/app:v1");
    assert.equal(await pushImage({ client, store: source, reference, root, signal }), root.digest);

    const store = new MemoryBlobStore();
    const image = await fetchManifest({ client, store, reference, platform, signal });
    assert.equal(image.ref, `${registry.host}/a/app:v1@${root.digest}`);
    assert.deepEqual(image.top, root);
    assert.equal(image.manifestDescriptor.digest, arm.descriptor.digest);
    assert.deepEqual(image.config.rootfs, arm.config.rootfs);
    const seen: number[] = [];
    for (const descriptor of image.manifest.layers) {
      await fetchBlob({ client, store, reference, descriptor, signal, onProgress: (current) => seen.push(current) });
      assert.deepEqual(await store.read(descriptor.digest), await source.read(descriptor.digest));
    }
    assert.ok(seen.includes(image.manifest.layers[0]?.size ?? -1));
    assert.equal(await store.size(amd.manifest.config.digest), undefined);

    await assert.rejects(
      fetchManifest({ client, store, reference, platform: { os: "linux", architecture: "s390x" }, signal }),
      (error: Error) => "hint" in error && error.hint === "it is there for linux/amd64, linux/arm64",
    );
  });

  test("what is in the store is not fetched again, and a digest needs no network", async () => {
    const store = new MemoryBlobStore();
    const { descriptor } = await putImage(store, [noise("offline", 10)]);
    await using offline = clientWith({ credentials: () => Promise.reject(new Error("asked")) });
    const image = await fetchManifest({
      client: offline,
      store,
      reference: parseReference(`nowhere.invalid/x@${descriptor.digest}`),
      platform,
      signal,
    });
    assert.equal(image.manifestDescriptor.digest, descriptor.digest);
  });

  test("a missing image is not found, with the registry's words", async () => {
    await using client = clientWith();
    await assert.rejects(
      client.resolve(named("none:gone"), signal),
      (error: Error) =>
        "code" in error && error.code === "IMAGE_NOT_FOUND" && /none:gone.*(MANIFEST|NAME)_UNKNOWN.*404/.test(error.message),
    );
  });

  test("a blob is mounted from another repository", async () => {
    await using client = clientWith();
    const store = new MemoryBlobStore();
    const { descriptor, manifest } = await putImage(store, [noise("mounted", 1000)]);
    await pushImage({ client, store, reference: named("from:1"), root: descriptor, signal });
    assert.equal(await client.mountBlob(named("to"), sha256Digest("not there"), "from", signal), false);
    for (const { digest } of manifest.layers) store.delete(digest);
    await assert.rejects(pushImage({ client, store, reference: named("to:1"), root: descriptor, signal }), { code: "IMAGE_INCOMPLETE" });
    await pushImage({ client, store, reference: named("to:1"), root: descriptor, signal, mountFrom: () => "from" });
    assert.equal((await client.resolve(named("to:1"), signal)).descriptor.digest, descriptor.digest);
  });

  test("other tools read what we push", { skip: existsSync("/usr/bin/skopeo") ? false : "no skopeo" }, async () => {
    await using client = clientWith();
    const store = new MemoryBlobStore();
    const { descriptor, config } = await putImage(store, [noise("skopeo", 1000)]);
    await pushImage({ client, store, reference: named("skopeo:1"), root: descriptor, signal });
    const { stdout } = await promisify(execFile)("skopeo", [
      "inspect",
      "--tls-verify=false",
      "--config",
      `docker://${registry.host}/skopeo:1`,
    ]);
    assert.deepEqual((JSON.parse(stdout) as { rootfs: { diff_ids: unknown } }).rootfs.diff_ids, config.rootfs.diff_ids);
  });

  test("an aborted push rejects with the signal's reason", async () => {
    await using client = clientWith();
    const store = new MemoryBlobStore();
    const { descriptor } = await putImage(store, [noise("abort", 1000)]);
    const abort = new AbortController();
    const pushing = pushImage({ client, store, reference: named("abort:1"), root: descriptor, signal: abort.signal });
    abort.abort(new Error("enough"));
    await assert.rejects(pushing, /enough/);
  });
});

describe("a registry that asks for a login", { skip: missing ?? false }, () => {
  let registry: TestRegistry;
  before(async () => {
    registry = await startRegistry({ htpasswd: HTPASSWD });
  });
  after(() => registry[Symbol.asyncDispose]());

  test("takes the right password for push and pull", async () => {
    await using client = clientWith({ credentials: async () => ({ type: "password", username: "ann", password: "pass" }) });
    const store = new MemoryBlobStore();
    const { descriptor } = await putImage(store, [noise("auth", 100_000)]);
    const reference = parseReference(`${registry.host}/secret:1`);
    await pushImage({ client, store, reference, root: descriptor, signal });
    assert.equal((await client.resolve(reference, signal)).descriptor.digest, descriptor.digest);
  });

  test("refuses a wrong one and none, and the error says which", async () => {
    const reference = parseReference(`${registry.host}/secret:1`);
    await using wrong = clientWith({ credentials: async () => ({ type: "password", username: "ann", password: "sesame" }) });
    await assert.rejects(
      wrong.resolve(reference, signal),
      (error: Error) =>
        "code" in error &&
        error.code === "REGISTRY_UNAUTHORIZED" &&
        "hint" in error &&
        /these credentials/.test(String(error.hint)) &&
        !error.message.includes("sesame"),
    );
    await using none = clientWith();
    await assert.rejects(
      none.resolve(reference, signal),
      (error: Error) =>
        "code" in error && error.code === "REGISTRY_UNAUTHORIZED" && "hint" in error && /tsbuild login 127/.test(String(error.hint)),
    );
  });
});
