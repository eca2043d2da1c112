import assert from "node:assert/strict";
import { test } from "node:test";
import { checkedRealm, parseChallenges } from "./challenge.js";
import { endpointsOf, isReservedAddress } from "./hosts.js";
import { proxyFor } from "./proxy.js";
import { redirectTarget } from "./redirect.js";
import { registryWords } from "./registry-error.js";
import { delayAfter, isRetryableError, parseRetryAfter } from "./retry.js";

test("challenges are read in any of their spellings", () => {
  const [bearer, basic] = parseChallenges(
    'Bearer realm="https://a/t?x=1,2",service="s \\"q\\"",scope="repository:a/b:pull,push", Basic realm=plain',
  );
  assert.equal(bearer?.scheme, "bearer");
  assert.deepEqual(
    [...(bearer?.params ?? [])],
    [
      ["realm", "https://a/t?x=1,2"],
      ["service", 's "q"'],
      ["scope", "repository:a/b:pull,push"],
    ],
  );
  assert.deepEqual([basic?.scheme, basic?.params.get("realm")], ["basic", "plain"]);
  assert.deepEqual(parseChallenges(undefined), []);
  assert.equal(parseChallenges(Array.from({ length: 100 }, (_, at) => `S${at} a=b`).join(", ")).length, 8);
});

test("reading a hostile challenge takes no time", () => {
  const startedAtMs = Date.now();
  for (const unit of ['a="', "a=", ",,, ", '\\"', "a b "]) parseChallenges(unit.repeat(100_000));
  assert.ok(Date.now() - startedAtMs < 2000);
});

test("a token server must be https, or be as near and as insecure as the registry", () => {
  const secure = new URL("https://reg.example");
  const local = new URL("http://127.0.0.1:5000");
  assert.equal(checkedRealm(secure, "https://auth.example/token", []).host, "auth.example");
  assert.equal(checkedRealm(local, "http://localhost:5001/token", []).host, "localhost:5001");
  assert.equal(checkedRealm(new URL("https://10.0.0.5"), "https://10.0.0.5/t", []).host, "10.0.0.5");
  assert.equal(checkedRealm(new URL("http://reg.corp"), "http://auth.corp/t", ["auth.corp"]).host, "auth.corp");
  for (const [registry, realm] of [
    [secure, "http://auth.example/token"],
    [secure, "http://reg.example/token"],
    [secure, "file:///etc/passwd"],
    [secure, "https://169.254.169.254/x"],
    [secure, "https://127.0.0.1/x"],
    [secure, "https://localhost/x"],
    [secure, "https://10.1.2.3/x"],
    [secure, "https://[::1]/x"],
    [secure, "https://[fd00::1]/x"],
    [secure, "https://0x7f000001/x"],
    [secure, "https://user:pw@auth.example/x"],
    [secure, "token"],
    [secure, undefined],
    [local, "http://auth.example/t"],
    [local, "http://169.254.169.254/t"],
    [secure, "https://127。0。0。1/x"],
  ] as const) {
    assert.throws(() => checkedRealm(registry, realm, []), { code: "REGISTRY_ERROR" }, String(realm));
  }
});

test("plain http is for this machine and for what is called insecure", () => {
  const origins = (registry: string, insecure: readonly string[] = []): readonly string[] =>
    endpointsOf(registry, insecure).map(({ origin }) => origin);
  assert.deepEqual(origins("docker.io"), ["https://registry-1.docker.io"]);
  assert.deepEqual(origins("127.1.2.3:5000"), ["http://127.1.2.3:5000", "https://127.1.2.3:5000"]);
  assert.deepEqual(origins("[::1]:5000"), ["http://[::1]:5000", "https://[::1]:5000"]);
  assert.deepEqual(origins("reg.corp:5000"), ["https://reg.corp:5000"]);
  assert.deepEqual(origins("localhost.evil.example"), ["https://localhost.evil.example"]);
  assert.deepEqual(endpointsOf("reg.corp:5000", ["reg.corp:5000"]), [
    { origin: "https://reg.corp:5000", isVerified: false },
    { origin: "http://reg.corp:5000", isVerified: false },
  ]);
  assert.equal(endpointsOf("127.0.0.1", [])[1]?.isVerified, true);
  assert.ok(
    isReservedAddress("192.168.1.1") &&
      isReservedAddress("[fe80::1]") &&
      !isReservedAddress("8.8.8.8") &&
      !isReservedAddress("reg.example"),
  );
});

test("redirects lead neither to plain http, nor to other schemes, nor inwards", () => {
  const from = new URL("https://reg.example/v2/a/blobs/x");
  assert.equal(redirectTarget(from, "/other").href, "https://reg.example/other");
  assert.equal(redirectTarget(from, "https://u:p@cdn.example/x?sig=1").href, "https://cdn.example/x?sig=1");
  for (const location of [
    "http://reg.example/",
    "file:///etc/shadow",
    "https://169.254.169.254/",
    "https://127.0.0.1/",
    "https://localhost/",
    "https://[fe80::1]/",
    "",
    undefined,
    "https://",
  ]) {
    assert.throws(() => redirectTarget(from, location), { code: "REGISTRY_ERROR" }, location);
  }
  assert.equal(redirectTarget(new URL("http://127.0.0.1:1/"), "http://127.0.0.1:2/x").port, "2");
});

test("waits grow, obey the server, and end", () => {
  const policy = { attempts: 4, baseDelayMs: 100, maxDelayMs: 1000 };
  assert.deepEqual(
    [1, 2, 3, 4].map((attempt) => delayAfter(attempt, undefined, policy, 1)),
    [100, 200, 400, undefined],
  );
  assert.equal(delayAfter(1, undefined, policy, 0), 50);
  assert.equal(delayAfter(1, 900, policy, 0), 900);
  assert.equal(delayAfter(1, 5000, policy, 0), undefined);
  assert.equal(parseRetryAfter("7", 0), 7000);
  assert.equal(parseRetryAfter("Thu, 01 Jan 1970 00:00:09 GMT", 4000), 5000);
  assert.equal(parseRetryAfter("soon", 0), undefined);
  assert.ok(isRetryableError(new Error("x", { cause: Object.assign(new Error("y"), { code: "ECONNRESET" }) })));
  assert.ok(!isRetryableError(Object.assign(new Error("full"), { code: "ENOSPC" })));
});

test("proxies and their exceptions are read as other tools read them", () => {
  const env = { HTTPS_PROXY: "http://proxy:3128", http_proxy: "proxy:80", NO_PROXY: ".corp, exact.example:8443 10.0.0.0/8 ::1" };
  const proxy = (url: string): string | undefined => proxyFor(new URL(url), env);
  assert.equal(proxy("https://reg.example"), "http://proxy:3128");
  assert.equal(proxy("http://reg.example"), "http://proxy:80");
  for (const url of [
    "https://a.corp",
    "https://corp",
    "https://exact.example:8443",
    "https://10.9.9.9",
    "http://localhost:5000",
    "http://127.0.0.1",
  ])
    assert.equal(proxy(url), undefined, url);
  for (const url of ["https://notcorp", "https://exact.example", "https://11.0.0.1"]) assert.notEqual(proxy(url), undefined, url);
  assert.equal(proxyFor(new URL("https://x.example"), { HTTPS_PROXY: "http://p", NO_PROXY: "*" }), undefined);
});

test("a registry's own words are shown without what could steer a terminal", () => {
  assert.equal(
    registryWords(Buffer.from('{"errors":[{"code":"DENIED","message":"no\\u001b[2J way"},{"code":"X"}]}')),
    "DENIED: no [2J way; X",
  );
  assert.equal(registryWords(Buffer.from('{"details":"incorrect username or password"}')), "incorrect username or password");
  assert.equal(registryWords(Buffer.from("<html>")), undefined);
  assert.equal(registryWords(Buffer.from("plain words\nmore")), "plain words");
  assert.ok((registryWords(Buffer.from("x".repeat(50_000)))?.length ?? 0) < 500);
});
