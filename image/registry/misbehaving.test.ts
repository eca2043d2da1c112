/** The client against a registry that breaks, lies, and leads astray. */
import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { test, type TestContext } from "node:test";
import { sha256Digest } from "../../base/digest.js";
import { MemoryBlobStore } from "../memory-blob-store.js";
import { fetchBlob, fetchManifest } from "../pull.js";
import { parseReference, type Reference } from "../reference.js";
import { noise, putImage } from "../test-image.js";
import { MEDIA, type Descriptor } from "../types.js";
import { RegistryClient, type RegistryClientOptions } from "./client.js";

const signal = new AbortController().signal;
const platform = { os: "linux", architecture: "amd64" };
const retry = { attempts: 4, baseDelayMs: 1, maxDelayMs: 1500 };
const CONTENT = noise("blob", 3_000_000);
const BLOB: Descriptor = { mediaType: MEDIA.ociLayer, digest: sha256Digest(CONTENT), size: CONTENT.length };

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** `/v2/` is answered with 200; all else goes to the handler, and into the log. */
async function serve(t: TestContext, handler: Handler): Promise<{ host: string; log: IncomingMessage[] }> {
  const log: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    if (request.url === "/v2/") return void response.end("{}");
    log.push(request);
    handler(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  assert.ok(address !== null && typeof address === "object");
  return { host: `127.0.0.1:${address.port}`, log };
}

function clientFor(t: TestContext, options: RegistryClientOptions = {}): RegistryClient {
  const client = new RegistryClient({ env: {}, credentials: async () => undefined, retry, idleTimeoutMs: 2000, ...options });
  t.after(() => client[Symbol.asyncDispose]());
  return client;
}

const app = (host: string): Reference => parseReference(`${host}/app:v1`);

async function fetchInto(t: TestContext, host: string, options: RegistryClientOptions = {}): Promise<MemoryBlobStore> {
  const store = new MemoryBlobStore();
  await fetchBlob({ client: clientFor(t, options), store, reference: app(host), descriptor: BLOB, signal });
  return store;
}

/** The blob from the offset that a Range header asks for, broken off after `length` bytes. */
function sendPart(request: IncomingMessage, response: ServerResponse, length: number): void {
  const offset = Number(/bytes=(\d+)-/.exec(request.headers.range ?? "")?.[1] ?? 0);
  const isPart = offset > 0;
  response.writeHead(isPart ? 206 : 200, {
    "content-length": BLOB.size - offset,
    ...(isPart ? { "content-range": `bytes ${offset}-${BLOB.size - 1}/${BLOB.size}` } : {}),
  });
  const part = CONTENT.subarray(offset, offset + length);
  if (offset + part.length === BLOB.size) response.end(part);
  else response.write(part, () => setImmediate(() => response.destroy()));
}

test("a broken download goes on where it broke", async (t) => {
  const { host, log } = await serve(t, (request, response) => sendPart(request, response, 1_300_000));
  const store = await fetchInto(t, host);
  assert.deepEqual(await store.read(BLOB.digest), CONTENT);
  assert.ok(log.length >= 3);
  assert.ok(log.slice(1).some(({ headers }) => /^bytes=[1-9]/.test(headers.range ?? "")));
});

test("a server that ignores or garbles ranges is read from the start again, and the result is right", async (t) => {
  let calls = 0;
  const { host } = await serve(t, (request, response) => {
    if (++calls === 1) return sendPart(request, response, 1_000_000);
    if (calls === 2)
      return void response.writeHead(206, { "content-range": `bytes 5-${BLOB.size - 1}/${BLOB.size}` }).end(CONTENT.subarray(5));
    response.writeHead(200).end(CONTENT);
  });
  const store = await fetchInto(t, host);
  assert.deepEqual(await store.read(BLOB.digest), CONTENT);
  assert.equal(calls, 3);
});

test("a download that never gets on is given up, and nothing is kept", async (t) => {
  const { host, log } = await serve(t, (request, response) => sendPart(request, response, 0));
  const store = new MemoryBlobStore();
  await assert.rejects(fetchBlob({ client: clientFor(t), store, reference: app(host), descriptor: BLOB, signal }), {
    code: "REGISTRY_UNREACHABLE",
  });
  assert.deepEqual(store.digests(), []);
  assert.ok(log.length >= retry.attempts && log.length < 50);
});

test("a connection that stands still counts as broken", async (t) => {
  let calls = 0;
  const { host } = await serve(t, (request, response) => {
    if (++calls > 1) return sendPart(request, response, Infinity);
    response.writeHead(200, { "content-length": BLOB.size });
    response.write(CONTENT.subarray(0, 10));
  });
  const store = await fetchInto(t, host, { idleTimeoutMs: 300 });
  assert.deepEqual(await store.read(BLOB.digest), CONTENT);
});

test("other bytes than those of the digest, or more of them, are refused", async (t) => {
  const wrong = Buffer.from(CONTENT);
  wrong[12345] = 0xff ^ (wrong[12345] ?? 0);
  for (const body of [wrong, Buffer.concat([CONTENT, Buffer.from("x")])]) {
    const { host } = await serve(t, (_request, response) => void response.writeHead(200).end(body));
    const store = new MemoryBlobStore();
    await assert.rejects(fetchBlob({ client: clientFor(t), store, reference: app(host), descriptor: BLOB, signal }), {
      code: "BLOB_MISMATCH",
    });
    assert.deepEqual(store.digests(), []);
  }
});

test("429 and 503 are tried again, not before the time that the server names", async (t) => {
  let calls = 0;
  const { host } = await serve(t, (request, response) => {
    if (++calls === 1) return void response.writeHead(429, { "retry-after": "1" }).end();
    if (calls === 2) return void response.writeHead(503).end();
    sendPart(request, response, Infinity);
  });
  const startedAtMs = Date.now();
  await fetchInto(t, host);
  assert.ok(Date.now() - startedAtMs >= 990);
});

test("a wait longer than sensible is an error that says how long", async (t) => {
  const { host, log } = await serve(
    t,
    (_request, response) =>
      void response.writeHead(429, { "retry-after": "3600" }).end('{"errors":[{"code":"TOOMANYREQUESTS","message":"pull rate limit"}]}'),
  );
  await assert.rejects(
    clientFor(t).resolve(app(host), signal),
    (error: Error) => /TOOMANYREQUESTS: pull rate limit.*429/.test(error.message) && "hint" in error && /3600/.test(String(error.hint)),
  );
  assert.equal(log.length, 1);
});

test("cancelling during a wait is at once", async (t) => {
  const abort = new AbortController();
  const { host } = await serve(t, (_request, response) => {
    response.writeHead(503).end();
    setImmediate(() => abort.abort(new Error("cancelled")));
  });
  await assert.rejects(
    clientFor(t, { retry: { attempts: 9, baseDelayMs: 60_000, maxDelayMs: 60_000 } }).resolve(app(host), abort.signal),
    /cancelled/,
  );
});

test("a registry that isn't there is unreachable at once", async (t) => {
  await assert.rejects(
    clientFor(t).resolve(parseReference("127.0.0.1:1/app"), signal),
    (error: Error) => "code" in error && error.code === "REGISTRY_UNREACHABLE" && error.message.includes("127.0.0.1:1"),
  );
});

// ------------------------------------------------------------------ tokens

interface TokenServer {
  readonly host: string;
  readonly log: IncomingMessage[];
}

async function tokenRegistry(t: TestContext, lives: number, expiresIn = 300): Promise<TokenServer> {
  let issued = 0;
  let uses = 0;
  const server = await serve(t, (request, response) => {
    if (request.url?.startsWith("/token") === true)
      return void response.end(JSON.stringify({ token: `t${++issued}`, expires_in: expiresIn }));
    if (request.headers.authorization !== `Bearer t${issued}` || ++uses > lives) {
      uses = 0;
      return void response
        .writeHead(401, { "www-authenticate": `Bearer realm="http://${server.host}/token",service="svc",scope="repository:app:pull"` })
        .end();
    }
    sendPart(request, response, Infinity);
  });
  return server;
}

test("a token is asked for once per scope and used for all that follows", async (t) => {
  const { host, log } = await tokenRegistry(t, Infinity);
  const client = clientFor(t, { credentials: async () => ({ type: "password", username: "u", password: "p" }) });
  for (let n = 0; n < 3; n++) await fetchBlob({ client, store: new MemoryBlobStore(), reference: app(host), descriptor: BLOB, signal });
  const asked = log.filter(({ url }) => url?.startsWith("/token") === true);
  assert.equal(asked.length, 1);
  const params = new URL(asked[0]?.url ?? "", "http://x").searchParams;
  assert.deepEqual([params.get("service"), params.getAll("scope"), params.get("account")], ["svc", ["repository:app:pull"], "u"]);
  assert.equal(asked[0]?.headers.authorization, `Basic ${Buffer.from("u:p").toString("base64")}`);
  assert.ok(log.every(({ url, headers }) => url?.startsWith("/token") === true || !headers.authorization?.startsWith("Basic")));
});

test("parallel requests share one token", async (t) => {
  const { host, log } = await tokenRegistry(t, Infinity);
  const client = clientFor(t);
  await Promise.all(
    [1, 2, 3, 4].map(() => fetchBlob({ client, store: new MemoryBlobStore(), reference: app(host), descriptor: BLOB, signal })),
  );
  assert.ok(log.filter(({ url }) => url?.startsWith("/token") === true).length <= 2);
});

test("a token that ends is replaced without a word", async (t) => {
  const { host, log } = await tokenRegistry(t, 1);
  const client = clientFor(t);
  for (let n = 0; n < 3; n++) await fetchBlob({ client, store: new MemoryBlobStore(), reference: app(host), descriptor: BLOB, signal });
  assert.equal(log.filter(({ url }) => url?.startsWith("/token") === true).length, 3);
});

test("a registry that is never content gets one token round", async (t) => {
  const { host, log } = await tokenRegistry(t, 0);
  await assert.rejects(clientFor(t).resolve(app(host), signal), { code: "REGISTRY_UNAUTHORIZED" });
  assert.equal(log.length, 3);
});

test("credentials don't go to a token server that the rules refuse", async (t) => {
  for (const realm of ["http://169.254.169.254/x", "file:///etc/passwd", "http://auth.example/token", "http://10.0.0.1/t"]) {
    const { host } = await serve(
      t,
      (_request, response) => void response.writeHead(401, { "www-authenticate": `Bearer realm="${realm}"` }).end(),
    );
    const client = clientFor(t, { credentials: async () => ({ type: "password", username: "u", password: "p" }) });
    await assert.rejects(client.resolve(app(host), signal), { code: "REGISTRY_ERROR" }, realm);
  }
});

test("an identity token is spent as a refresh token", async (t) => {
  const bodies: string[] = [];
  const { host } = await serve(t, (request, response) => {
    if (request.method === "POST") {
      request.on("data", (chunk: Buffer) => bodies.push(chunk.toString()));
      request.on("end", () => response.end('{"access_token":"ok"}'));
    } else if (request.headers.authorization === "Bearer ok") sendPart(request, response, Infinity);
    else response.writeHead(401, { "www-authenticate": `Bearer realm="http://${host}/oauth",service="svc"` }).end();
  });
  await fetchInto(t, host, { credentials: async () => ({ type: "identity-token", token: "refresh" }) });
  assert.deepEqual(Object.fromEntries(new URLSearchParams(bodies.join(""))), {
    grant_type: "refresh_token",
    client_id: "tsbuild",
    refresh_token: "refresh",
    scope: "repository:app:pull",
    service: "svc",
  });
});

// ------------------------------------------------------------------ redirects

test("a redirect to another host goes without our credentials", async (t) => {
  const storage = await serve(t, (request, response) => sendPart(request, response, Infinity));
  const { host, log } = await serve(t, (request, response) => {
    if (request.headers.authorization === undefined) return void response.writeHead(401, { "www-authenticate": "Basic realm=x" }).end();
    response.writeHead(307, { location: `http://${storage.host}/signed?sig=1` }).end();
  });
  await fetchInto(t, host, { credentials: async () => ({ type: "password", username: "u", password: "p" }) });
  assert.ok(log.at(-1)?.headers.authorization?.startsWith("Basic"));
  assert.deepEqual(
    storage.log.map(({ headers }) => headers.authorization),
    [undefined],
  );
});

test("a challenge from where a redirect led to is not answered", async (t) => {
  const storage = await serve(t, (_request, response) => void response.writeHead(401, { "www-authenticate": "Basic realm=x" }).end());
  const { host } = await serve(t, (_request, response) => void response.writeHead(307, { location: `http://${storage.host}/x` }).end());
  await assert.rejects(fetchInto(t, host, { credentials: async () => ({ type: "password", username: "u", password: "p" }) }), {
    code: "REGISTRY_UNAUTHORIZED",
  });
  assert.deepEqual(
    storage.log.map(({ headers }) => headers.authorization),
    [undefined],
  );
});

test("redirects end after five, and never lead to files or metadata services", async (t) => {
  const { host, log } = await serve(t, (_request, response) => void response.writeHead(302, { location: "/round" }).end());
  await assert.rejects(fetchInto(t, host), /more than 5 times/);
  assert.equal(log.length, 6);
  for (const location of ["file:///etc/passwd", "gopher://x/", "http://169.254.169.254/latest"]) {
    const astray = await serve(t, (_request, response) => void response.writeHead(302, { location }).end());
    await assert.rejects(fetchInto(t, astray.host), { code: "REGISTRY_ERROR" }, location);
  }
});

// ------------------------------------------------------------------ manifests

async function serveManifest(t: TestContext, body: Buffer, headers: Readonly<Record<string, string>> = {}): Promise<string> {
  const { host } = await serve(
    t,
    (_request, response) => void response.writeHead(200, { "content-type": MEDIA.ociManifest, ...headers }).end(body),
  );
  return host;
}

test("a manifest's digest is computed, whatever the registry claims", async (t) => {
  const { descriptor, manifest } = await putImage(new MemoryBlobStore(), [noise("m", 10)]);
  const body = Buffer.from(JSON.stringify(manifest));
  const plain = await clientFor(t).resolve(app(await serveManifest(t, body)), signal);
  assert.equal(plain.descriptor.digest, sha256Digest(body));
  const lying = await serveManifest(t, body, { "docker-content-digest": sha256Digest("else") });
  await assert.rejects(clientFor(t).resolve(app(lying), signal), { code: "BLOB_MISMATCH" });
  await assert.rejects(
    clientFor(t).manifest(app(await serveManifest(t, Buffer.concat([body, Buffer.from(" ")]))), descriptor.digest, signal),
    { code: "BLOB_MISMATCH" },
  );
});

test("ambiguous, old, oversized and foreign manifests are refused", async (t) => {
  const { manifest } = await putImage(new MemoryBlobStore(), [noise("m", 10)]);
  const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
  for (const [body, headers, code] of [
    [json({ ...manifest, manifests: [] }), {}, "IMAGE_AMBIGUOUS"],
    [json(manifest), { "content-type": MEDIA.ociIndex }, "IMAGE_AMBIGUOUS"],
    [json({ schemaVersion: 1 }), { "content-type": "application/vnd.docker.distribution.manifest.v1+prettyjws" }, "IMAGE_SCHEMA_1"],
    [Buffer.alloc(5_000_000, " "), {}, "IMAGE_INVALID"],
    [Buffer.from('{"schemaVersion":2,"schemaVersion":2}'), {}, "IMAGE_INVALID"],
    [Buffer.from("<html>"), { "content-type": "text/html" }, "IMAGE_INVALID"],
  ] as const) {
    await assert.rejects(clientFor(t).resolve(app(await serveManifest(t, body, headers)), signal), { code });
  }
});

test("an image whose config tells of other layers is refused", async (t) => {
  const store = new MemoryBlobStore();
  const { manifest } = await putImage(store, [noise("a", 10), noise("b", 10)]);
  const body = Buffer.from(JSON.stringify({ ...manifest, layers: manifest.layers.slice(1) }));
  const { host } = await serve(t, (request, response) => {
    if (request.url?.includes("/manifests/") === true) return void response.writeHead(200, { "content-type": MEDIA.ociManifest }).end(body);
    void store.read(manifest.config.digest).then((bytes) => response.writeHead(200).end(bytes));
  });
  await assert.rejects(
    fetchManifest({ client: clientFor(t), store: new MemoryBlobStore(), reference: app(host), platform, signal }),
    /1 layers where its config says 2/,
  );
});

// ------------------------------------------------------------------ uploads

test("an upload whose session was lost begins anew", async (t) => {
  const taken: Buffer[] = [];
  let puts = 0;
  const { host, log } = await serve(t, (request, response) => {
    if (request.method === "POST") return void response.writeHead(202, { location: `/v2/app/blobs/uploads/s${puts}?_state=x` }).end();
    puts++;
    if (puts === 1) return void request.destroy();
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      if (puts === 2) return void response.writeHead(404).end('{"errors":[{"code":"BLOB_UPLOAD_UNKNOWN"}]}');
      taken.push(...chunks);
      response.writeHead(201).end();
    });
  });
  const store = new MemoryBlobStore();
  await store.put(CONTENT);
  await clientFor(t).uploadBlob(app(host), BLOB, () => store.stream(BLOB.digest), signal);
  assert.deepEqual(Buffer.concat(taken), CONTENT);
  assert.equal(log.at(-1)?.url, `/v2/app/blobs/uploads/s2?_state=x&digest=${encodeURIComponent(BLOB.digest)}`);
});

test("an upload that is refused says why, once", async (t) => {
  const { host, log } = await serve(t, (request, response) => {
    request.resume();
    response.writeHead(403).end('{"errors":[{"code":"DENIED","message":"read only"}]}');
  });
  await assert.rejects(
    clientFor(t).uploadBlob(app(host), BLOB, () => new MemoryBlobStore().stream(BLOB.digest), signal),
    (error: Error) => "code" in error && error.code === "REGISTRY_DENIED" && /DENIED: read only/.test(error.message),
  );
  assert.equal(log.length, 1);
});

test("an upload that nobody takes is broken off", async (t) => {
  const { host } = await serve(t, (request, response) => {
    if (request.method === "POST") response.writeHead(202, { location: "/v2/app/blobs/uploads/s" }).end();
    else request.pause();
  });
  const big: Descriptor = { ...BLOB, size: 64 * 1024 * 1024 };
  const store = new MemoryBlobStore();
  const content = Buffer.alloc(big.size);
  const digest = await store.put(content);
  await assert.rejects(
    clientFor(t, { idleTimeoutMs: 300, retry: { ...retry, attempts: 2 } }).uploadBlob(
      app(host),
      { ...big, digest },
      () => store.stream(digest),
      signal,
    ),
    (error: Error) => "code" in error && error.code === "REGISTRY_UNREACHABLE",
  );
});
