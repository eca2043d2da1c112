import assert from "node:assert/strict";
import { readFileSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { sha256Digest } from "../base/digest.js";
import { TsbuildError } from "../base/errors.js";
import { testRoot } from "../cache/testing.js";
import type { Store } from "../cache/store.js";
import type { HttpSource } from "../llb/op.js";
import { HttpFiles } from "./http-files.js";

const signal = new AbortController().signal;
const vertex = sha256Digest("vertex");

interface Web {
  readonly url: string;
  body: string;
  etag: string | undefined;
  lastModified: string | undefined;
  readonly answers: number[];
  readonly authorizations: (string | undefined)[];
}

async function web(t: TestContext): Promise<Web> {
  const server = createServer((request, response) => {
    const headers = {
      ...(state.etag === undefined ? {} : { etag: state.etag }),
      ...(state.lastModified === undefined ? {} : { "last-modified": state.lastModified }),
    };
    const status = state.etag !== undefined && request.headers["if-none-match"] === state.etag ? 304 : 200;
    state.answers.push(status);
    state.authorizations.push(request.headers.authorization);
    response.writeHead(status, headers).end(status === 200 ? state.body : undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  assert.ok(address !== null && typeof address === "object");
  const state: Web = {
    url: `http://127.0.0.1:${address.port}/tool`,
    body: "tool v1",
    etag: undefined,
    lastModified: undefined,
    answers: [],
    authorizations: [],
  };
  return state;
}

async function openStore(t: TestContext): Promise<Store> {
  const root = testRoot();
  const store = await root.open();
  t.after(async () => {
    await store[Symbol.asyncDispose]();
    await root[Symbol.asyncDispose]();
  });
  return store;
}

function source(url: string, more: Partial<HttpSource> = {}): HttpSource {
  return { kind: "source", type: "http", url, filename: "tool", ...more };
}

/** Each call is a build of its own. */
async function inBuild<T>(store: Store, work: (files: HttpFiles) => Promise<T>): Promise<T> {
  await using files = new HttpFiles({ store, events: () => undefined, authorization: () => "Bearer t" });
  return await work(files);
}

test("a file becomes a snapshot of one file, closed to others, with the server's time", async (t) => {
  const [store, site] = [await openStore(t), await web(t)];
  site.lastModified = "Tue, 01 Jan 2019 00:00:00 GMT";
  const { chain } = await inBuild(store, (files) => files.fetch(source(site.url), vertex, signal));
  const [name] = chain;
  assert.ok(name !== undefined);
  const path = join(store.snapshots.directory(name), "tool");
  const { mode, mtimeMs, uid } = statSync(path);
  assert.deepEqual([readFileSync(path, "utf8"), mode & 0o7777, mtimeMs, uid], ["tool v1", 0o600, 1546300800_000, 0]);
  const list = await store.snapshots.files(name);
  assert.equal(list.find((entry) => entry.path === "tool")?.digest, sha256Digest("tool v1"));
  assert.deepEqual(site.authorizations, ["Bearer t"]);
});

test("one build asks once, however often the file is named", async (t) => {
  const [store, site] = [await openStore(t), await web(t)];
  await inBuild(store, async (files) => {
    await Promise.all([
      files.identify(source(site.url), vertex, signal),
      files.identify(source(site.url, { filename: "other" }), vertex, signal),
    ]);
    await files.fetch(source(site.url), vertex, signal);
  });
  assert.deepEqual(site.answers, [200]);
});

test("an unchanged file costs one question, and is who it was", async (t) => {
  const [store, site] = [await openStore(t), await web(t)];
  site.etag = '"1"';
  const first = await inBuild(store, (files) => files.fetch(source(site.url), vertex, signal));
  const again = await inBuild(store, (files) => files.identify(source(site.url), vertex, signal));
  assert.deepEqual([site.answers, again], [[200, 304], { ...first, isPresent: true }]);
  site.etag = '"2"';
  site.body = "tool v2";
  const changed = await inBuild(store, (files) => files.identify(source(site.url), vertex, signal));
  assert.notEqual(changed.identity, first.identity);
  assert.equal(changed.isPresent, false);
});

test("without its bytes what is known of a file counts for nothing", async (t) => {
  const [store, site] = [await openStore(t), await web(t)];
  site.etag = '"1"';
  await inBuild(store, (files) => files.fetch(source(site.url), vertex, signal));
  await store.content.delete(sha256Digest(site.body));
  await inBuild(store, (files) => files.fetch(source(site.url), vertex, signal));
  assert.deepEqual(site.answers, [200, 200]);
});

test("a file with a checksum is known without asking, and fetched once", async (t) => {
  const [store, site] = [await openStore(t), await web(t)];
  const op = source(site.url, { checksum: sha256Digest("tool v1") });
  const before = await inBuild(store, (files) => files.identify(op, vertex, signal));
  assert.deepEqual([before.isPresent, site.answers], [false, []]);
  await inBuild(store, (files) => files.fetch(op, vertex, signal));
  const after = await inBuild(store, (files) => files.fetch(op, vertex, signal));
  assert.deepEqual([after.identity, site.answers], [before.identity, [200]]);
});

test("a wrong checksum is an error that names both, and nothing becomes a snapshot", async (t) => {
  const [store, site] = [await openStore(t), await web(t)];
  const wanted = sha256Digest("something else");
  await assert.rejects(
    inBuild(store, (files) => files.fetch(source(site.url, { checksum: wanted }), vertex, signal)),
    (error: unknown) =>
      error instanceof TsbuildError &&
      error.code === "CHECKSUM_MISMATCH" &&
      error.message.includes(wanted) &&
      error.message.includes(sha256Digest("tool v1")),
  );
  assert.deepEqual(await store.snapshots.list(), []);
});

test("a file that a checksum names doesn't vouch for the newest version of its address", async (t) => {
  const [store, site] = [await openStore(t), await web(t)];
  const pinned = source(site.url, { checksum: sha256Digest("tool v1") });
  await inBuild(store, (files) => files.fetch(pinned, vertex, signal));
  site.body = "tool v2";
  await inBuild(store, async (files) => {
    await files.fetch(pinned, vertex, signal);
    assert.equal((await files.content(site.url, {}, signal)).digest, sha256Digest("tool v2"));
  });
});
