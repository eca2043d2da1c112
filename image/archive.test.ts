import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  createReadStream,
  createWriteStream,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough, Readable, type Writable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { test, type TestContext } from "node:test";
import { gzipSync } from "node:zlib";
import { pack } from "tar-stream";
import { digestHex, sha256Digest } from "../base/digest.js";
import { loadArchive, writeDockerArchive } from "./archive.js";
import { importOciLayout, writeOciLayout } from "./layout.js";
import { namedRoot } from "./layout-index.js";
import { MemoryBlobStore } from "./memory-blob-store.js";
import { parseReference } from "./reference.js";
import { noise, putImage, putIndex, type TestImage } from "./test-image.js";
import { MEDIA } from "./types.js";
import { encodeConfig } from "./write.js";

const signal = new AbortController().signal;
const reference = parseReference("app:v1");
const withSkopeo = { skip: existsSync("/usr/bin/skopeo") ? false : "no skopeo" };

function folderFor(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "tsbuild-archive-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

async function written(write: (stream: Writable) => Promise<void>): Promise<Buffer> {
  const stream = new PassThrough();
  const all = buffer(stream);
  all.catch(() => undefined);
  await write(stream);
  stream.end();
  return await all;
}

async function exampleImage(): Promise<TestImage & { store: MemoryBlobStore }> {
  const store = new MemoryBlobStore();
  return { ...(await putImage(store, [noise("one", 300_000), noise("two", 5)])), store };
}

/** A tar of these entries; links are `{ link }` or `{ hardlink }`. */
async function tarOf(
  entries: Readonly<Record<string, Buffer | string | { link: string } | { hardlink: string } | { device: true }>>,
): Promise<Buffer> {
  const tar = pack();
  const all = buffer(Readable.from(tar));
  for (const [name, content] of Object.entries(entries)) {
    if (typeof content === "string" || Buffer.isBuffer(content)) tar.entry({ name }, content);
    else if ("link" in content) tar.entry({ name, type: "symlink", linkname: content.link });
    else if ("hardlink" in content) tar.entry({ name, type: "link", linkname: content.hardlink });
    else tar.entry({ name, type: "block-device", devmajor: 1, devminor: 1 });
  }
  tar.finalize();
  return await all;
}

const load = (bytes: Buffer, store: MemoryBlobStore = new MemoryBlobStore()): ReturnType<typeof loadArchive> =>
  loadArchive(Readable.from([bytes]), store, signal);

test("a saved image loads again, byte for byte, whatever the outer compression", async () => {
  const { store, descriptor } = await exampleImage();
  const images = [{ names: [reference, parseReference("reg.corp/x/app")], descriptor }];
  const tar = await written((stream) => writeDockerArchive({ stream, images, store, signal }));
  const { compress } = await import("zstd-napi");
  for (const bytes of [tar, gzipSync(tar), compress(tar)]) {
    const target = new MemoryBlobStore();
    assert.deepEqual(await load(bytes, target), [{ names: ["docker.io/library/app:v1", "reg.corp/x/app:latest"], descriptor }]);
    assert.deepEqual(target.digests(), store.digests());
  }
});

test("the same image gives the same archive, in which nothing is in the way of old readers", async () => {
  const { store, descriptor, manifest } = await exampleImage();
  const save = (): Promise<Buffer> =>
    written((stream) => writeDockerArchive({ stream, images: [{ names: [reference], descriptor }], store, signal }));
  const tar = await save();
  assert.deepEqual(await save(), tar);
  const at = tar.indexOf("manifest.json");
  const json = JSON.parse(tar.subarray(at + 512, tar.indexOf(0, at + 512)).toString()) as unknown;
  const path = (digest: Parameters<typeof digestHex>[0]): string => `blobs/sha256/${digestHex(digest)}`;
  assert.deepEqual(json, [
    { Config: path(manifest.config.digest), RepoTags: ["app:v1"], Layers: manifest.layers.map(({ digest }) => path(digest)) },
  ]);
});

test("of an index, manifest.json speaks of the platform that is asked for; what is not in the store stays out", async () => {
  const { store, descriptor } = await exampleImage();
  const arm = await putImage(store, [noise("arm", 9)], { platform: { os: "linux", architecture: "arm64" } });
  const absent = await putImage(new MemoryBlobStore(), [noise("absent", 9)]);
  const root = await putIndex(store, [
    { ...descriptor, platform: { os: "linux", architecture: "amd64" } },
    { ...arm.descriptor, platform: { os: "linux", architecture: "arm64" } },
    absent.descriptor,
  ]);
  const tar = await written((stream) =>
    writeDockerArchive({
      stream,
      images: [{ names: [reference], descriptor: root }],
      store,
      signal,
      platform: { os: "linux", architecture: "arm64" },
    }),
  );
  assert.ok(tar.includes(`"Config":"blobs/sha256/${digestHex(arm.manifest.config.digest)}"`));
  assert.equal((await load(tar))[0]?.descriptor.digest, root.digest);
});

test("nothing is written when a blob is missing, and a damaged one makes the output fail", async () => {
  const { store, descriptor, manifest } = await exampleImage();
  const layer = manifest.layers[0];
  assert.ok(layer !== undefined);
  const damaged = Object.create(store, {
    stream: {
      value: (digest: string) => (digest === layer.digest ? Readable.from([Buffer.alloc(layer.size)]) : store.stream(layer.digest)),
    },
  }) as MemoryBlobStore;
  const shadow: MemoryBlobStore = new Proxy(store, {
    get: (target, name) => (name === "stream" ? damaged.stream.bind(damaged) : Reflect.get(target, name, target).bind(target)),
  });
  const images = [{ names: [], descriptor }];
  await assert.rejects(
    written((stream) => writeDockerArchive({ stream, images, store: shadow, signal })),
    { code: "BLOB_MISMATCH" },
  );
  store.delete(layer.digest);
  const stream = new PassThrough();
  await assert.rejects(writeDockerArchive({ stream, images, store, signal }), { code: "IMAGE_INCOMPLETE" });
  assert.equal(stream.readableLength, 0);
});

test("a reader that goes away ends the writing", async () => {
  const { store, descriptor } = await exampleImage();
  const stream = new PassThrough({ highWaterMark: 10 });
  const writing = writeDockerArchive({ stream, images: [{ names: [], descriptor }], store, signal });
  stream.once("data", () => stream.destroy(new Error("gone")));
  await assert.rejects(writing, /gone|Premature close/);
});

// ------------------------------------------------------------------ older Docker archives

test("an archive of an older Docker loads, with links between equal layers", async () => {
  const [first, second] = [noise("l1", 2000), noise("l2", 10)];
  const store = new MemoryBlobStore();
  const { config } = await putImage(store, [first, second, first], { isGzip: false });
  const configBytes = encodeConfig(config);
  const name = `${digestHex(sha256Digest(configBytes))}.json`;
  const tar = await tarOf({
    "aa/VERSION": "1.0",
    "aa/json": "{}",
    "aa/layer.tar": first,
    "bb/layer.tar": second,
    "cc/layer.tar": { link: "../aa/layer.tar" },
    [name]: configBytes,
    repositories: "{}",
    "manifest.json": JSON.stringify([{ Config: name, RepoTags: ["old:1"], Layers: ["aa/layer.tar", "bb/layer.tar", "cc/layer.tar"] }]),
  });
  const target = new MemoryBlobStore();
  const [image] = await load(tar, target);
  assert.deepEqual(image?.names, ["docker.io/library/old:1"]);
  const manifest = JSON.parse((await target.read(image?.descriptor.digest ?? sha256Digest(""))).toString()) as {
    config: { digest: string };
    layers: { digest: string; mediaType: string }[];
  };
  assert.equal(manifest.config.digest, sha256Digest(configBytes));
  assert.deepEqual(
    manifest.layers.map(({ digest }) => digest),
    config.rootfs.diff_ids,
  );
  assert.equal(manifest.layers[0]?.mediaType, MEDIA.ociLayer);
});

test("a layer that isn't what the config says is refused", async () => {
  const { config } = await putImage(new MemoryBlobStore(), [noise("x", 10)], { isGzip: false });
  const manifest = JSON.stringify([{ Config: "c.json", RepoTags: null, Layers: ["l.tar"] }]);
  await assert.rejects(
    load(await tarOf({ "c.json": encodeConfig(config), "l.tar": noise("y", 10), "manifest.json": manifest })),
    /its config says/,
  );
  await assert.rejects(load(await tarOf({ "c.json": encodeConfig(config), "manifest.json": manifest })), /"l\.tar", which is not in it/);
});

// ------------------------------------------------------------------ hostile archives

test("links and paths that lead out, doubles, devices and lies are refused", async () => {
  const hex = "0".repeat(64);
  const manifest = (config: string): string => JSON.stringify([{ Config: config, Layers: [] }]);
  for (const [entries, problem] of [
    [{ [`blobs/sha256/${hex}`]: { link: "/etc/shadow" } }, /is a link/],
    [{ [`blobs/sha256/${hex}`]: { hardlink: "/etc/shadow" } }, /is a link/],
    [{ "blobs/sha256": { link: "/etc" } }, /is a link/],
    [{ "manifest.json": { link: "/etc/passwd" } }, /is a link/],
    [{ "a/layer.tar": { link: "../../etc/shadow" } }, /leads out/],
    [{ "a/layer.tar": { hardlink: "../etc/shadow" } }, /leads out/],
    [{ "../evil": "x" }, /leads out/],
    [{ "/etc/cron.d/x": "x" }, /leads out/],
    [{ "a/../../x": "x" }, /leads out/],
    [{ dev: { device: true } }, /block-device/],
    [{ "a.json": "x", "./a.json": "y" }, /twice/],
    [{ [`blobs/sha256/${hex}`]: "other bytes" }, /don't have that digest/],
    [{ "manifest.json": manifest("../../etc/passwd") }, /leads out/],
    [{ "manifest.json": manifest("a"), a: { link: "b" }, b: { link: "a" } }, /circle/],
    [{ "manifest.json": "{}" }, /not a list/],
    [{ "index.json": '{"schemaVersion":2,"manifests":[]}' }, /oci-layout is missing/],
    [{ "index.json": '{"schemaVersion":2,"manifests":[]}', "oci-layout": '{"imageLayoutVersion":"2.0"}' }, /version "2\.0"/],
    [{ readme: "hello" }, /so it is not an image/],
  ] as const) {
    await assert.rejects(load(await tarOf(entries)), (error: Error) => problem.test(error.message), JSON.stringify(entries));
  }
});

test("archives that are cut off, empty, or something else are refused", async () => {
  const { store, descriptor } = await exampleImage();
  const tar = await written((stream) => writeDockerArchive({ stream, images: [{ names: [reference], descriptor }], store, signal }));
  const gzip = gzipSync(tar);
  for (const bytes of [
    tar.subarray(0, tar.length / 2),
    gzip.subarray(0, gzip.length / 2),
    Buffer.alloc(0),
    Buffer.from("BZh91AY"),
    noise("z", 5000),
  ]) {
    await assert.rejects(load(Buffer.from(bytes)), { code: "ARCHIVE_INVALID" });
  }
});

test("an extended header of many megabytes is not kept in memory", async () => {
  const header = Buffer.from(await tarOf({ x: "" })).subarray(0, 512);
  header.write("00077777777", 124);
  header.write("x", 156);
  header.fill(" ", 148, 156);
  header.write(
    `${header
      .reduce((sum, byte) => sum + byte, 0)
      .toString(8)
      .padStart(6, "0")}\0 `,
    148,
  );
  const endless = function* (): Iterable<Buffer> {
    yield header;
    for (let n = 0; n < 40; n++) yield Buffer.alloc(512 * 1024, "a");
  };
  await assert.rejects(loadArchive(Readable.from(endless(), { objectMode: false }), new MemoryBlobStore(), signal), {
    code: "ARCHIVE_INVALID",
    message: /header/i,
  });
});

test("an abort ends the loading", async () => {
  const abort = new AbortController();
  const stream = new PassThrough();
  stream.write(Buffer.from(await tarOf({ "a.tar": noise("a", 3000) })).subarray(0, 1024));
  const loading = loadArchive(stream, new MemoryBlobStore(), abort.signal);
  abort.abort(new Error("enough"));
  await assert.rejects(loading, /enough/);
});

// ------------------------------------------------------------------ layouts

test("a layout folder takes images one after another and gives them back", async (t) => {
  const { store, descriptor } = await exampleImage();
  const other = await putImage(store, [noise("other", 7)]);
  const path = join(folderFor(t), "layout");
  const target = { type: "dir", path } as const;
  await writeOciLayout({ target, roots: [namedRoot(other.descriptor, reference)], store, signal });
  await writeOciLayout({ target, roots: [namedRoot(other.descriptor, parseReference("app:v2"))], store, signal });
  await writeOciLayout({ target, roots: [namedRoot(descriptor, reference)], store, signal });
  assert.deepEqual(readdirSync(path).sort(), ["blobs", "index.json", "oci-layout"]);
  const into = new MemoryBlobStore();
  assert.deepEqual(await importOciLayout({ source: target, store: into, signal }), [
    { name: "docker.io/library/app:v2", refName: "v2", descriptor: other.descriptor },
    { name: "docker.io/library/app:v1", refName: "v1", descriptor },
  ]);
  assert.deepEqual(into.digests(), store.digests());
});

test("a layout tar is read like the folder", async () => {
  const { store, descriptor } = await exampleImage();
  const tar = await written((stream) =>
    writeOciLayout({ target: { type: "tar", stream }, roots: [namedRoot(descriptor, reference)], store, signal }),
  );
  assert.equal(tar.includes("manifest.json"), false);
  const into = new MemoryBlobStore();
  const images = await importOciLayout({ source: { type: "tar", stream: Readable.from([tar]) }, store: into, signal });
  assert.deepEqual(images, [{ name: "docker.io/library/app:v1", refName: "v1", descriptor }]);
  assert.deepEqual(into.digests(), store.digests());
});

test("a layout folder with links or damaged blobs is refused", async (t) => {
  const { store, descriptor, manifest } = await exampleImage();
  const layer = manifest.layers[0];
  assert.ok(layer !== undefined);
  const prepare = async (): Promise<string> => {
    const path = folderFor(t);
    await writeOciLayout({ target: { type: "dir", path }, roots: [descriptor], store, signal });
    return path;
  };
  const attempt = (path: string, into: MemoryBlobStore = new MemoryBlobStore()): Promise<unknown> =>
    importOciLayout({ source: { type: "dir", path }, store: into, signal });
  for (const part of [`blobs/sha256/${digestHex(layer.digest)}`, "blobs/sha256", "blobs", "index.json", "oci-layout"]) {
    const path = await prepare();
    renameSync(join(path, part), join(path, "moved"));
    symlinkSync(join(path, "moved"), join(path, part));
    await assert.rejects(attempt(path), /symbolic link/, part);
  }
  const damaged = await prepare();
  writeFileSync(join(damaged, "blobs/sha256", digestHex(layer.digest)), Buffer.alloc(layer.size));
  const into = new MemoryBlobStore();
  await assert.rejects(attempt(damaged, into), { code: "BLOB_MISMATCH" });
  assert.equal(await into.size(layer.digest), undefined);
  const incomplete = await prepare();
  rmSync(join(incomplete, "blobs/sha256", digestHex(layer.digest)));
  await assert.rejects(attempt(incomplete), { code: "IMAGE_INCOMPLETE" });
  await assert.rejects(attempt(folderFor(t)), /index\.json is missing/);
});

// ------------------------------------------------------------------ other tools

test("skopeo reads our archives and layouts", withSkopeo, async (t) => {
  const { store, descriptor, config } = await exampleImage();
  const folder = folderFor(t);
  const [docker, oci, dir] = [join(folder, "docker.tar"), join(folder, "oci.tar"), join(folder, "dir")];
  const roots = [namedRoot(descriptor, reference)];
  const intoFile = async (path: string, write: (stream: Writable) => Promise<void>): Promise<void> => {
    const stream = createWriteStream(path);
    await write(stream);
    await new Promise<void>((resolve) => stream.end(resolve));
  };
  await intoFile(docker, (stream) => writeDockerArchive({ stream, images: [{ names: [reference], descriptor }], store, signal }));
  await intoFile(oci, (stream) => writeOciLayout({ target: { type: "tar", stream }, roots, store, signal }));
  await writeOciLayout({ target: { type: "dir", path: dir }, roots, store, signal });
  for (const source of [`docker-archive:${docker}`, `oci-archive:${oci}`, `oci:${dir}:v1`]) {
    const shown = JSON.parse(execFileSync("skopeo", ["inspect", "--config", source]).toString()) as { rootfs: unknown };
    assert.deepEqual(shown.rootfs, config.rootfs, source);
  }
});

test("we read skopeo's archives and layouts", withSkopeo, async (t) => {
  const { store, descriptor, config } = await exampleImage();
  const folder = folderFor(t);
  const from = join(folder, "from");
  await writeOciLayout({ target: { type: "dir", path: from }, roots: [namedRoot(descriptor, reference)], store, signal });
  const copy = (target: string): void => void execFileSync("skopeo", ["--insecure-policy", "copy", "-q", `oci:${from}:v1`, target]);
  copy(`docker-archive:${join(folder, "docker.tar")}:app:v3`);
  copy(`oci-archive:${join(folder, "oci.tar")}:app:v3`);
  copy(`oci:${join(folder, "dir")}:v3`);
  const target = new MemoryBlobStore();
  const [docker] = await loadArchive(createReadStream(join(folder, "docker.tar")), target, signal);
  assert.deepEqual(docker?.names, ["docker.io/library/app:v3"]);
  for (const digest of config.rootfs.diff_ids) assert.ok(await target.size(digest));
  assert.deepEqual(
    (await loadArchive(createReadStream(join(folder, "oci.tar")), target, signal)).map(({ names }) => names),
    [["docker.io/library/app:v3"]],
  );
  const [layout] = await importOciLayout({ source: { type: "dir", path: join(folder, "dir") }, store: target, signal });
  assert.equal(layout?.refName, "v3");
  assert.deepEqual(
    await target.read(layout?.descriptor.digest ?? sha256Digest("")),
    readFileSync(join(folder, "dir/blobs/sha256", digestHex(layout?.descriptor.digest ?? sha256Digest("")))),
  );
});
