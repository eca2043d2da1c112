import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { isSshContext } from "./git-context.js";
import { parseSsh } from "./ssh.js";

let cwd = "";
const agent = createServer();

before(async () => {
  cwd = mkdtempSync(join(tmpdir(), "build-ssh-"));
  writeFileSync(join(cwd, "key"), "");
  writeFileSync(join(cwd, "other"), "");
  await new Promise<void>((resolve) => agent.listen(join(cwd, "sock"), resolve));
});
after(() => {
  agent.close();
  rmSync(cwd, { recursive: true, force: true });
});

const env = { SSH_AUTH_SOCK: "/run/agent" };

test("--ssh names the caller's agent, a socket or keys", () => {
  const parsed = parseSsh(["default", "a=sock", "b=key", "c=key,other"], { cwd, env });
  assert.deepEqual(
    [...parsed],
    [
      ["default", { type: "socket", path: "/run/agent" }],
      ["a", { type: "socket", path: join(cwd, "sock") }],
      ["b", { type: "keys", paths: [join(cwd, "key")] }],
      ["c", { type: "keys", paths: [join(cwd, "key"), join(cwd, "other")] }],
    ],
  );
});

test("what isn't there or can't be is said", () => {
  for (const [texts, code] of [
    [["=x"], "USAGE"],
    [["a=key", "a=key"], "USAGE"],
    [["a=sock,key"], "USAGE"],
    [["a=sock,raw=true"], "USAGE"],
    [["a=nowhere"], "SSH_KEY"],
    [["a=."], "SSH_KEY"],
  ] as const) {
    assert.throws(() => parseSsh(texts, { cwd, env }), { code }, texts.join(" "));
  }
  assert.throws(() => parseSsh(["default"], { cwd, env: {} }), { code: "SSH_AGENT", hint: /ssh-add/ });
});

test("a context reached by ssh takes the caller's agent unless --ssh says another", () => {
  assert.deepEqual([...parseSsh([], { cwd, env, isWanted: true }).keys()], ["default"]);
  assert.equal(parseSsh([], { cwd, env }).size, 0);
  assert.equal(parseSsh([], { cwd, env: {}, isWanted: true }).size, 0);
  assert.deepEqual([...parseSsh(["x=key"], { cwd, env, isWanted: true }).keys()], ["x"]);
  assert.deepEqual(
    ["git@h:a.git", "ssh://h/a.git", "https://h/a.git", "git://h/a", "file:///a", "github.com/a/b", "ctx"].map((text) =>
      isSshContext(text, cwd),
    ),
    [true, true, false, false, false, false, false],
  );
});
