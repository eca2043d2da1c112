import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { loadKernel } from "../../sys/kernel.js";
import { accessTo } from "./access.js";
import { requireFolder } from "./checkout.js";
import { GitFailure, environmentOf, findProgram, runGit } from "./command.js";
import { gitError } from "./failure.js";
import { parseRemote } from "./remote.js";
import { cleanSubdir } from "./subdir.js";
import { TreeListing } from "./tree-listing.js";

const signal = new AbortController().signal;
const COMMIT = "1".repeat(40);

function inFolder<T>(work: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), "git-parts-"));
  try {
    return work(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test("a listing is cut at NULs wherever its pieces end, and names its submodules", () => {
  const listing = new TreeListing("r");
  const text = Buffer.from(
    `100644 blob ${COMMIT}      12\t.gitmodules\x00160000 commit ${COMMIT}       -\tlibs/ä\x00100755 blob ${COMMIT} 7\ta\0`,
  );
  for (const byte of text) listing.push(Buffer.from([byte]));
  assert.deepEqual([listing.hasModules, listing.gitlinks], [true, [{ path: "libs/ä", commit: COMMIT }]]);
});

test("a submodule's path that leads out, or into .git, is refused, and so is a tree without end", () => {
  for (const path of ["../x", "a/../../x", "a//b", ".GIT/hooks", "a/.git", "."]) {
    assert.throws(() => new TreeListing("r").push(Buffer.from(`160000 commit ${COMMIT} -\t${path}\x00`)), { code: "GIT_TREE" }, path);
  }
  const limits = { maxEntries: 2, maxBytes: 100 };
  assert.throws(() => new TreeListing("r", limits).push(Buffer.from(`100644 blob ${COMMIT} 101\ta\0`)), { code: "GIT_LIMIT" });
  assert.throws(() => new TreeListing("r", limits).push(Buffer.from(`100644 blob ${COMMIT} 1\ta\0`.repeat(3))), { code: "GIT_LIMIT" });
  assert.throws(() => new TreeListing("r").push(Buffer.alloc(20_000, "x")), { code: "GIT_LIMIT" });
});

test("a link to a .gitmodules is none", () => {
  const listing = new TreeListing("r");
  listing.push(Buffer.from(`120000 blob ${COMMIT} 11\t.gitmodules\0`));
  assert.equal(listing.hasModules, false);
});

test("a folder is real all the way, never behind a link", () =>
  inFolder((folder) => {
    mkdirSync(join(folder, "a/b"), { recursive: true });
    symlinkSync("a", join(folder, "link"));
    symlinkSync("/etc", join(folder, "a/out"));
    writeFileSync(join(folder, "file"), "");
    const kernel = loadKernel();
    assert.equal(requireFolder(kernel, folder, "a/b", "r"), join(folder, "a/b"));
    for (const path of ["link", "link/b", "a/out", "file", "nowhere", "../", "/etc"])
      assert.throws(() => requireFolder(kernel, folder, path, "r"), { code: "GIT_SUBDIR" }, path);
  }));

test("a folder of a repository is cleaned, and stays in it", () => {
  assert.deepEqual([cleanSubdir(undefined), cleanSubdir("/"), cleanSubdir("./a//b/")], [undefined, undefined, "a/b"]);
  for (const path of ["..", "a/../..", "proj/../../x", ".git", "a/.Git/x"]) assert.throws(() => cleanSubdir(path), { code: "GIT_SUBDIR" });
});

test("git sees of the caller's environment only proxies and certificates, and may speak one protocol", () => {
  const outer = {
    GIT_SSH_COMMAND: "x",
    GIT_CONFIG_PARAMETERS: "x",
    GIT_EXEC_PATH: "/x",
    GIT_ASKPASS: "/x",
    SSH_AUTH_SOCK: "/x",
    LD_PRELOAD: "/x",
    https_proxy: "http://p",
    HOME: "/root",
  };
  const env = environmentOf({ args: [], home: "/h", transport: "https", config: [["http.extraHeader", "A: b"]] }, outer);
  assert.deepEqual(
    Object.keys(outer).filter((name) => env[name] !== undefined),
    ["https_proxy", "HOME"],
  );
  assert.deepEqual(
    [env["HOME"], env["GIT_ALLOW_PROTOCOL"], env["GIT_CONFIG_NOSYSTEM"], env["GIT_CONFIG_GLOBAL"], env["GIT_TERMINAL_PROMPT"]],
    ["/h", "https", "1", "/dev/null", "0"],
  );
  const config = new Map(
    Array.from({ length: Number(env["GIT_CONFIG_COUNT"]) }, (_, index) => [
      env[`GIT_CONFIG_KEY_${index}`],
      env[`GIT_CONFIG_VALUE_${index}`],
    ]),
  );
  assert.deepEqual(
    [config.get("core.hooksPath"), config.get("core.fsmonitor"), config.get("http.extraHeader")],
    ["/dev/null", "false", "A: b"],
  );
  assert.equal(environmentOf({ args: [], home: "/h" }, {})["GIT_ALLOW_PROTOCOL"], "none");
});

test("a program that isn't there is named with its package", () => {
  assert.throws(() => findProgram("git", "git", ["/nowhere"]), { code: "GIT_MISSING", hint: /package git/ });
  assert.throws(() => findProgram("ssh", "openssh-client", ["/nowhere"]), { code: "SSH_MISSING", hint: /openssh-client/ });
});

test("a protocol that isn't allowed isn't spoken, and what git says holds no secret", async () => {
  const home = mkdtempSync(join(tmpdir(), "git-home-"));
  try {
    const refused = runGit({ args: ["ls-remote", "--", "ext::sh -c id"], home, transport: "https" }, signal);
    await assert.rejects(refused, (error: unknown) => error instanceof GitFailure && /not allowed/.test(error.text));
    const secret = runGit({ args: ["config", "--file", "/nowhere/s3cret-token", "-l"], home, secrets: ["s3cret-token"] }, signal);
    await assert.rejects(secret, (error: unknown) => error instanceof GitFailure && error.text !== "" && !error.text.includes("s3cret"));
    const aborted = AbortSignal.abort(new Error("stopped"));
    await assert.rejects(runGit({ args: ["version"], home }, aborted), /stopped/);
  } finally {
    rmSync(home, { recursive: true });
  }
});

test("a git that hangs ends with all it has started when the build is cancelled", async () => {
  const home = mkdtempSync(join(tmpdir(), "git-home-"));
  try {
    const stop = new AbortController();
    const hung = runGit(
      { args: ["-c", "alias.hang=!sleep 1000 & echo started; sleep 1000", "hang"], home, onOutput: () => stop.abort(new Error("stopped")) },
      stop.signal,
    );
    await assert.rejects(hung, /stopped/);
  } finally {
    rmSync(home, { recursive: true });
  }
});

test("credentials go to the host that the user named, those with a host to that one", async () => {
  process.env["TEST_GIT_SECRET"] = "t0ken";
  const secrets = new Map([["GIT_AUTH_TOKEN", { type: "env", name: "TEST_GIT_SECRET" } as const]]);
  const agent = async (): Promise<undefined> => undefined;
  const basic = `Authorization: Basic ${Buffer.from("x-access-token:t0ken").toString("base64")}`;
  const configOf = async (
    url: string,
    trustedHost: string,
    given: ReadonlyMap<string, { readonly type: "env"; readonly name: string }> = secrets,
  ): Promise<unknown> => (await accessTo(parseRemote(url), { trustedHost, secrets: given, agent })).config[0];
  assert.deepEqual(await configOf("https://h/a.git", "h"), ["http.https://h/.extraHeader", basic]);
  assert.equal(await configOf("https://evil/a.git", "h"), undefined);
  assert.equal(await configOf("http://h/a.git", "h"), undefined);
  const named = new Map([["GIT_AUTH_HEADER.g", { type: "env", name: "TEST_GIT_SECRET" } as const]]);
  assert.deepEqual(await configOf("https://g:8443/a.git", "h", named), ["http.https://g:8443/.extraHeader", "Authorization: t0ken"]);
  process.env["TEST_GIT_SECRET"] = "a\nInjected: b";
  await assert.rejects(configOf("https://g/a.git", "h", named), { code: "GIT_AUTH" });
  await assert.rejects(configOf("git@h:x", "h"), { code: "GIT_SSH_AGENT", hint: /--ssh default/ });
  delete process.env["TEST_GIT_SECRET"];
});

test("what git says gets a way out", () => {
  const remote = parseRemote("https://h/a.git");
  for (const [text, code] of [
    ["Host key verification failed.", "GIT_HOST_KEY"],
    ["git@h: Permission denied (publickey).", "GIT_AUTH"],
    ["remote: Repository not found.", "GIT_NOT_FOUND"],
    ["fatal: odd", "GIT_FAILED"],
  ] as const) {
    const error = gitError(new GitFailure(128, text), remote);
    assert.ok(error instanceof Error && "code" in error && error.code === code && error.message.includes(text), text);
  }
});
