import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { sha256Digest } from "../../base/digest.js";
import { parseReference, type Reference } from "../reference.js";
import { MEDIA } from "../types.js";
import { RegistryClient, type RegistryClientOptions } from "./client.js";

const signal = new AbortController().signal;
const MANIFEST = JSON.stringify({
  schemaVersion: 2,
  mediaType: MEDIA.ociManifest,
  config: { mediaType: MEDIA.ociConfig, digest: sha256Digest("c"), size: 1 },
  layers: [],
});

interface TlsRegistry {
  readonly reference: Reference;
  readonly caPath: string;
}

async function serveTls(t: TestContext): Promise<TlsRegistry> {
  const folder = mkdtempSync(join(tmpdir(), "tsbuild-tls-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  execFileSync(
    "openssl",
    [
      "req",
      "-x509",
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:prime256v1",
      "-nodes",
      "-days",
      "2",
      "-subj",
      "/CN=test",
      "-addext",
      "subjectAltName=DNS:localhost",
      "-keyout",
      key,
      "-out",
      cert,
    ],
    { stdio: "ignore" },
  );
  const server: Server = createServer({ key: readFileSync(key), cert: readFileSync(cert) }, (request, response) => {
    response.writeHead(200, { "content-type": MEDIA.ociManifest }).end(request.url === "/v2/" ? "{}" : MANIFEST);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { reference: parseReference(`localhost:${(server.address() as AddressInfo).port}/app`), caPath: cert };
}

function clientFor(t: TestContext, options: RegistryClientOptions): RegistryClient {
  const client = new RegistryClient({
    credentials: async () => undefined,
    retry: { attempts: 1, baseDelayMs: 1, maxDelayMs: 1 },
    ...options,
  });
  t.after(() => client[Symbol.asyncDispose]());
  return client;
}

test("a certificate is good when its CA is in the extra file, and only then", async (t) => {
  const { reference, caPath } = await serveTls(t);
  const good = clientFor(t, { env: { TSBUILD_EXTRA_CA_CERTS: caPath } });
  assert.equal((await good.resolve(reference, signal)).descriptor.digest, sha256Digest(MANIFEST));
  await assert.rejects(clientFor(t, { env: {} }).resolve(reference, signal), { code: "REGISTRY_UNREACHABLE" });
});

test("the extra file is not read before a TLS connection is opened", async (t) => {
  const server = createHttpServer((_request, response) => void response.writeHead(200).end(MANIFEST));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  const client = clientFor(t, { env: { TSBUILD_EXTRA_CA_CERTS: "/nowhere/ca.pem" } });
  await client.resolve(parseReference(`127.0.0.1:${(server.address() as AddressInfo).port}/app`), signal);
  await assert.rejects(client.resolve(parseReference("127.0.0.1:1/app"), signal));
  const { reference } = await serveTls(t);
  await assert.rejects(client.resolve(reference, signal), /\/nowhere\/ca\.pem, can't be read/);
});

test("an insecure registry is used with a note, and no other one with it", async (t) => {
  const [first, second] = [await serveTls(t), await serveTls(t)];
  const notes: string[] = [];
  const client = clientFor(t, { env: {}, insecure: [first.reference.registry], onNote: (note) => notes.push(note) });
  await client.resolve(first.reference, signal);
  assert.match(notes.join(), /localhost:\d+ is used as an insecure one/);
  await assert.rejects(client.resolve(second.reference, signal), { code: "REGISTRY_UNREACHABLE" });
});

test("a proxy is asked for hosts that aren't exempt", async (t) => {
  const asked: string[] = [];
  const proxy = createHttpServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    response.writeHead(200, { "content-type": MEDIA.ociManifest }).end(MANIFEST);
  });
  proxy.on("connect", (request, socket) => {
    asked.push(`CONNECT ${request.url}`);
    socket.end("HTTP/1.1 502 Bad Gateway\r\n\r\n");
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    proxy.closeAllConnections();
    proxy.close();
  });
  const uri = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  const client = clientFor(t, { env: { HTTPS_PROXY: uri, HTTP_PROXY: uri }, insecure: ["plain.invalid"] });
  await assert.rejects(client.resolve(parseReference("reg.invalid/app"), signal), { code: "REGISTRY_UNREACHABLE" });
  assert.deepEqual(asked, ["CONNECT reg.invalid:443"]);
  await client.resolve(parseReference("plain.invalid/app"), signal);
  assert.deepEqual(asked.slice(1), [
    "CONNECT plain.invalid:443",
    "GET http://plain.invalid/v2/",
    "GET http://plain.invalid/v2/app/manifests/latest",
  ]);
});
