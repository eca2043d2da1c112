import assert from "node:assert/strict";
import { test } from "node:test";
import { parseRemote, shownRemote } from "./remote.js";
import { parseModules, submoduleRemote } from "./submodules.js";

test("addresses are read without their credentials", () => {
  assert.deepEqual(parseRemote("https://me:p%40ss@host:8443/a/b.git"), {
    transport: "https",
    url: "https://host:8443/a/b.git",
    host: "host:8443",
    credentials: "me:p@ss",
  });
  assert.deepEqual(parseRemote("git://host/a.git"), { transport: "git", url: "git://host/a.git", host: "host" });
  assert.deepEqual(parseRemote("ssh://git@host:2222/a.git"), { transport: "ssh", url: "ssh://git@host:2222/a.git", host: "host:2222" });
  assert.deepEqual(parseRemote("git@host.example:a/b.git"), { transport: "ssh", url: "git@host.example:a/b.git", host: "host.example" });
  assert.equal(parseRemote("https://[::1]/a.git").host, "[::1]");
});

test("what git would run or read from this machine is no address", () => {
  const hostile = [
    "ext::sh -c id",
    "ext::sh%20-c",
    "fd::17",
    "file://relative",
    "/etc/passwd",
    "../x",
    "a.bundle",
    "-oProxyCommand=x",
    "--upload-pack=x",
    "ssh://-oProxyCommand=x/y",
    "ssh://a@-x/y",
    "git@-x:y",
    "-x@host:y",
    "git@host:-x",
    "git@host:",
    "ssh://host/-x",
    "ssh://u:p@host/x",
    "git://u@host/x",
    "git://host",
    "https://",
    "https://host/a\nb",
    "https://host/a b",
    "ftp://host/x",
    "transport::https://host/x",
    "git@host::x y",
    "ssh://host/a\\b",
    "user@host://x",
  ];
  for (const text of hostile) assert.throws(() => parseRemote(text), { code: "GIT_ADDRESS" }, text);
});

test("an address is shown without user, password, query and control characters", () => {
  assert.equal(shownRemote("https://u:p@h/a.git?x=1#r"), "https://h/a.git");
  assert.equal(shownRemote("git@h:a\u001b[31m"), "git@h:a?[31m");
});

test("submodules are found by their path", () => {
  const text =
    "submodule.a.b.path\nlibs/a\0submodule.a.b.url\nhttps://h/a.git\0submodule.none.path\nn\0submodule.none.url\n../n\0submodule.none.update\nnone\0submodule.half.path\nx\0core.hookspath\n/x\0";
  assert.deepEqual(
    [...parseModules(text)],
    [
      ["libs/a", { url: "https://h/a.git", isLeftOut: false }],
      ["n", { url: "../n", isLeftOut: true }],
    ],
  );
});

test("a relative submodule lies beside its repository's address", () => {
  const from = (parent: string, url: string): string => submoduleRemote(url, parseRemote(parent), "sub").url;
  assert.equal(from("https://h/o/app.git", "../lib.git"), "https://h/o/lib.git");
  assert.equal(from("https://h/o/app.git/", "./lib.git"), "https://h/o/app.git/lib.git");
  assert.equal(from("https://h/o/app.git", "../../p/lib"), "https://h/p/lib");
  assert.equal(from("git@h:o/app.git", "../lib.git"), "git@h:o/lib.git");
  assert.equal(from("git@h:app.git", "../lib.git"), "git@h:lib.git");
  assert.equal(submoduleRemote("../b.git", parseRemote("https://u:p@h/a.git"), "s").credentials, "u:p");
  assert.equal(submoduleRemote("https://h/b.git", parseRemote("https://u:p@h/a.git"), "s").credentials, undefined);
  for (const url of ["../../../x", "../../../../etc/passwd"])
    assert.throws(() => from("https://h/o/app.git", url), { code: "GIT_SUBMODULE" });
});

test("a submodule speaks https and ssh, or what its repository speaks, and never comes from a folder", () => {
  const allowed = (parent: string, url: string): void => void submoduleRemote(url, parseRemote(parent), "sub");
  allowed("file:///srv/app", "https://h/x.git");
  allowed("https://h/a.git", "git@h:x.git");
  allowed("http://h/a.git", "http://g/x.git");
  for (const [parent, url] of [
    ["https://h/a.git", "http://h/x.git"],
    ["https://h/a.git", "file:///x"],
    ["file:///srv/app", "file:///x"],
    ["file:///srv/app", "../x"],
    ["ssh://h/a", "git://h/x"],
  ] as const) {
    assert.throws(() => allowed(parent, url), { code: "GIT_SUBMODULE" }, `${parent} ${url}`);
  }
});
