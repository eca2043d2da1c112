import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { askHelper } from "./credential-helper.js";
import { dockerCredentials } from "./credentials.js";

const signal = new AbortController().signal;
const auth = (user: string, password: string): string => Buffer.from(`${user}:${password}`).toString("base64");

function configured(
  t: TestContext,
  config: unknown,
  helpers: Readonly<Record<string, string>> = {},
): { env: Record<string, string>; notes: string[]; find: (registry: string) => Promise<unknown> } {
  const folder = mkdtempSync(join(tmpdir(), "tsbuild-cred-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  if (config !== undefined) writeFileSync(join(folder, "config.json"), typeof config === "string" ? config : JSON.stringify(config));
  for (const [name, script] of Object.entries(helpers))
    writeFileSync(join(folder, `docker-credential-${name}`), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  const env = { DOCKER_CONFIG: folder, PATH: `${folder}:/usr/bin:/bin` };
  const notes: string[] = [];
  const source = dockerCredentials({ env, onNote: (note) => notes.push(note) });
  return { env, notes, find: (registry) => source(registry, signal) };
}

test("auths are found by host, Docker Hub under its old address", async (t) => {
  const { find } = configured(t, {
    auths: {
      "https://index.docker.io/v1/": { auth: auth("hub", "p:w\nx") },
      "reg.corp:5000": { auth: auth("a", "b") },
      "https://old.corp/v1/": { username: "u", password: "v" },
      "id.corp": { auth: auth("0", "x"), identitytoken: "tok" },
    },
  });
  assert.deepEqual(await find("docker.io"), { type: "password", username: "hub", password: "p:w\nx" });
  assert.deepEqual(await find("reg.corp:5000"), { type: "password", username: "a", password: "b" });
  assert.deepEqual(await find("old.corp"), { type: "password", username: "u", password: "v" });
  assert.deepEqual(await find("id.corp"), { type: "identity-token", token: "tok" });
  assert.equal(await find("reg.corp"), undefined);
});

test("no configuration means no credentials; a broken one is an error", async (t) => {
  assert.equal(await configured(t, undefined).find("a.b"), undefined);
  await assert.rejects(configured(t, "{").find("a.b"), { code: "REGISTRY_CREDENTIALS" });
});

test("a registry's own helper goes before the store for all", async (t) => {
  const answer = (user: string): string =>
    `read server; printf '{"ServerURL":"%s","Username":"${user}","Secret":"s-%s"}' "$server" "$server"`;
  const { find } = configured(t, { credsStore: "all", credHelpers: { "own.corp": "own" } }, { all: answer("all"), own: answer("own") });
  assert.deepEqual(await find("own.corp"), { type: "password", username: "own", password: "s-own.corp" });
  assert.deepEqual(await find("docker.io"), { type: "password", username: "all", password: "s-https://index.docker.io/v1/" });
});

test("a helper's <token> is an identity token", async (t) => {
  const { find } = configured(t, { credsStore: "x" }, { x: `printf '{"Username":"<token>","Secret":"refresh"}'` });
  assert.deepEqual(await find("a.b"), { type: "identity-token", token: "refresh" });
});

test("a helper without the answer, or one that isn't installed, leaves the way to auths open", async (t) => {
  const auths = { "a.b": { auth: auth("u", "p") } };
  const none = configured(t, { credsStore: "x", auths }, { x: `echo "credentials not found in native keychain"; exit 1` });
  assert.deepEqual(await none.find("a.b"), { type: "password", username: "u", password: "p" });
  const missing = configured(t, { credsStore: "nowhere", auths });
  assert.deepEqual(await missing.find("a.b"), { type: "password", username: "u", password: "p" });
  assert.match(missing.notes.join(), /docker-credential-nowhere is not installed/);
});

test("helpers with wild names, endless answers or no answer are refused", async (t) => {
  await assert.rejects(configured(t, { credsStore: "../../x" }).find("a.b"), /not a name of a credential helper/);
  await assert.rejects(configured(t, { credsStore: "x" }, { x: "exec yes" }).find("a.b"), /said more than/);
  await assert.rejects(
    configured(t, { credsStore: "x" }, { x: "echo hello my-secret" }).find("a.b"),
    (error: Error) =>
      /not the expected JSON/.test(error.message) && !JSON.stringify(error, Object.getOwnPropertyNames(error)).includes("my-secret"),
  );
  await assert.rejects(configured(t, { credsStore: "x" }, { x: "exit 3" }).find("a.b"), /exit code 3/);
  const { env } = configured(t, {}, { slow: "exec sleep 600" });
  await assert.rejects(askHelper({ name: "slow", server: "a.b", env, timeoutMs: 50 }, signal), /did not answer in time/);
  const abort = new AbortController();
  const asking = askHelper({ name: "slow", server: "a.b", env }, abort.signal);
  abort.abort(new Error("cancelled"));
  await assert.rejects(asking, /cancelled/);
});
