/** The client against servers that mislead, flood and stall. */
import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { test, type TestContext } from "node:test";
import { TsbuildError } from "../../base/errors.js";
import { HttpClient, type HttpClientOptions, type FetchedFile, type Validators } from "./client.js";
import { modifiedSec } from "./modified-time.js";

const signal = new AbortController().signal;
const retry = { attempts: 3, baseDelayMs: 1, maxDelayMs: 50 };

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

interface Served {
  readonly origin: string;
  readonly log: IncomingMessage[];
}

async function serve(t: TestContext, handler: Handler): Promise<Served> {
  const log: IncomingMessage[] = [];
  const server = createServer((request, response) => {
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
  return { origin: `http://127.0.0.1:${address.port}`, log };
}

async function collect(chunks: AsyncIterable<Buffer>): Promise<string> {
  const parts: Buffer[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return Buffer.concat(parts).toString();
}

async function fetched(t: TestContext, url: string, options: HttpClientOptions = {}, known?: Validators): Promise<FetchedFile<string>> {
  const client = new HttpClient({ env: {}, retry, ...options });
  t.after(() => client[Symbol.asyncDispose]());
  return await client.fetch({ url, known, receive: collect }, signal);
}

async function failure(t: TestContext, url: string, options?: HttpClientOptions): Promise<TsbuildError> {
  const error: unknown = await fetched(t, url, options).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof TsbuildError, String(error));
  return error;
}

test("a file comes whole, with what the server says of its version", async (t) => {
  const { origin, log } = await serve(t, (_request, response) => response.setHeader("etag", '"v1"').end("hello"));
  assert.deepEqual(await fetched(t, `${origin}/f?x=1#part`), {
    type: "fetched",
    value: "hello",
    validators: { etag: '"v1"', lastModified: undefined },
  });
  assert.deepEqual([log[0]?.url, log[0]?.headers["accept-encoding"]], ["/f?x=1", "identity"]);
});

test("a version that is here already is asked about, not fetched", async (t) => {
  const { origin, log } = await serve(t, (_request, response) => response.writeHead(304).end());
  assert.deepEqual(await fetched(t, origin, {}, { etag: '"v1"', lastModified: "Tue, 01 Jan 2019 00:00:00 GMT" }), { type: "unchanged" });
  assert.deepEqual([log[0]?.headers["if-none-match"], log[0]?.headers["if-modified-since"]], ['"v1"', undefined]);
});

test("a server without tags is asked by time", async (t) => {
  const { origin, log } = await serve(t, (_request, response) => response.writeHead(304).end());
  await fetched(t, origin, {}, { lastModified: "Tue, 01 Jan 2019 00:00:00 GMT" });
  assert.equal(log[0]?.headers["if-modified-since"], "Tue, 01 Jan 2019 00:00:00 GMT");
});

test("an answer 304 that nobody asked for is an error", async (t) => {
  const { origin } = await serve(t, (_request, response) => response.writeHead(304).end());
  assert.match((await failure(t, origin)).message, /304/);
});

test("errors name the address without its credentials, and the status", async (t) => {
  const { origin, log } = await serve(t, (_request, response) => response.writeHead(404).end("no"));
  const error = await failure(t, `${origin.replace("//", "//me:pass%20word@")}/missing?token=secret`);
  assert.equal(error.code, "HTTP_STATUS");
  assert.match(error.message, /\/missing: the server answers 404 Not Found$/);
  assert.doesNotMatch(error.message, /pass|secret/);
  assert.equal(log[0]?.headers.authorization, `Basic ${Buffer.from("me:pass word").toString("base64")}`);
});

test("redirects are followed, ten at most, and credentials stay with their server", async (t) => {
  const other = await serve(t, (_request, response) => response.end("there"));
  const { origin, log } = await serve(t, (request, response) => {
    if (request.url === "/go") return void response.writeHead(302, { location: `${other.origin}/x` }).end();
    response.writeHead(301, { location: "/again" }).end();
  });
  assert.equal((await fetched(t, `${origin.replace("//", "//me:pw@")}/go`)).type, "fetched");
  assert.equal(other.log[0]?.headers.authorization, undefined);
  log.length = 0;
  assert.match((await failure(t, `${origin}/loop`)).message, /redirects more than 10 times/);
  assert.equal(log.length, 11);
});

for (const location of [
  "file:///etc/passwd",
  "gopher://127.0.0.1/",
  "http://169.254.169.254/latest/meta-data/",
  "http://[fe80::1]/",
  "http://[::ffff:169.254.169.254]/",
  "http://2852039166/",
  "http://metadata.google.internal/",
  "",
]) {
  test(`a redirect to "${location}" is not followed`, async (t) => {
    const { origin, log } = await serve(t, (_request, response) => response.writeHead(302, location === "" ? {} : { location }).end());
    const error = await failure(t, origin);
    assert.equal(error.code, "HTTP_REFUSED");
    assert.equal(log.length, 1);
  });
}

for (const url of ["http://169.254.169.254/x", "http://0xa9.0xfe.0xa9.0xfe/", "https://[fd00:ec2::254]/"]) {
  test(`${url} is not asked`, async (t) => assert.equal((await failure(t, url)).code, "HTTP_REFUSED"));
}

test("only http and https are addresses", async (t) => {
  for (const url of ["file:///etc/passwd", "ftp://h/f", "x"]) assert.equal((await failure(t, url)).code, "HTTP_URL");
});

test("a body without end is cut off", async (t) => {
  let sent = 0;
  const { origin } = await serve(t, (_request, response) => {
    const more = (): void => {
      while (!response.destroyed && response.write(Buffer.alloc(64 * 1024))) sent += 64 * 1024;
      response.once("drain", more);
    };
    more();
  });
  const error = await failure(t, origin, { limits: { maxBytes: 1_000_000 } });
  assert.equal(error.code, "HTTP_TOO_LARGE");
  assert.ok(sent < 50_000_000, `${sent} bytes were taken`);
});

test("a length above the limit is refused before a byte of it is read", async (t) => {
  const { origin } = await serve(t, (_request, response) => response.writeHead(200, { "content-length": 5000 }).write("x"));
  assert.equal((await failure(t, origin, { limits: { maxBytes: 1000 } })).code, "HTTP_TOO_LARGE");
});

test("a body that drips is given up", async (t) => {
  const { origin } = await serve(t, (_request, response) => {
    const drip = setInterval(() => response.write("x"), 10);
    response.on("close", () => clearInterval(drip));
  });
  assert.equal((await failure(t, origin, { limits: { windowMs: 100, leastBytes: 4096 } })).code, "HTTP_TOO_SLOW");
});

test("a server that says nothing is given up, and asked again first", async (t) => {
  const { origin, log } = await serve(t, () => undefined);
  const error = await failure(t, origin, { idleTimeoutMs: 50 });
  assert.equal(error.code, "HTTP_UNREACHABLE");
  assert.equal(log.length, 3);
});

test("a connection that breaks is tried again from the start", async (t) => {
  let calls = 0;
  const { origin } = await serve(t, (_request, response) => {
    if (++calls > 1) return void response.end("whole");
    response.writeHead(200, { "content-length": 100 }).write("ha", () => response.destroy());
  });
  const result = await fetched(t, origin);
  assert.equal(result.type === "fetched" ? result.value : "", "whole");
});

test("what the receiver throws is passed on, once", async (t) => {
  const { origin, log } = await serve(t, (_request, response) => response.end("x"));
  const client = new HttpClient({ env: {}, retry });
  t.after(() => client[Symbol.asyncDispose]());
  const full = Object.assign(new Error("the disk is full"), { code: "ENOSPC" });
  await assert.rejects(client.fetch({ url: origin, receive: () => Promise.reject(full) }, signal), full);
  assert.equal(log.length, 1);
});

test("aborting ends a download", async (t) => {
  const stop = new AbortController();
  const { origin } = await serve(t, (_request, response) => void response.write("x"));
  const client = new HttpClient({ env: {}, retry });
  t.after(() => client[Symbol.asyncDispose]());
  const receive = async (chunks: AsyncIterable<Buffer>): Promise<void> => {
    for await (const _chunk of chunks) stop.abort(new Error("enough"));
  };
  await assert.rejects(client.fetch({ url: origin, receive }, stop.signal), /enough/);
});

test("absurd times of a server are 1970", () => {
  assert.equal(modifiedSec("Tue, 01 Jan 2019 00:00:00 GMT"), 1546300800);
  for (const header of [undefined, "", "yesterday", "Fri, 01 Jan 9999 00:00:00 GMT", "Thu, 01 Jan 1903 00:00:00 GMT"])
    assert.equal(modifiedSec(header), 0);
});
