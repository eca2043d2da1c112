import assert from "node:assert/strict";
import { test } from "node:test";
import { formatDuration, goQuoteList, parseDuration } from "./go-format.js";
import { ignoreFileCandidates } from "./ignore.js";
import { checkImageName, comparableName, fullImageName } from "./image-name.js";
import { checkMode } from "./instructions/chmod.js";
import { parseGitAddress } from "./instructions/git-url.js";
import { exposedPorts } from "./instructions/ports.js";

test("lists are quoted as Go does it", () => {
  assert.equal(goQuoteList(["a b", 'c"d', "é\n", "", "\u0001", "\u00a0"]), '["a b" "c\\"d" "é\\n" "" "\\x01" "\\u00a0"]');
});

test("durations are read and written as Go does it", () => {
  for (const [text, nanoseconds, shown] of [
    ["90s", 90e9, "1m30s"],
    ["1.5ms", 1.5e6, "1.5ms"],
    ["1h", 3600e9, "1h0m0s"],
    ["0", 0, "0s"],
    ["250us", 250e3, "250µs"],
  ] as const) {
    assert.equal(parseDuration(text), nanoseconds);
    assert.equal(formatDuration(nanoseconds), shown);
  }
  for (const text of ["", "5", "1x", "s", "1s2"]) assert.throws(() => parseDuration(text), { code: "DOCKERFILE_DURATION" });
});

test("the ignore file beside the Dockerfile comes first", () => {
  assert.deepEqual(ignoreFileCandidates("/p/build/My.Dockerfile", "/p"), ["/p/build/My.Dockerfile.dockerignore", "/p/.dockerignore"]);
});

test("image names are shown in full and compared in short", () => {
  assert.equal(fullImageName("busybox"), "docker.io/library/busybox:latest");
  assert.equal(fullImageName("localhost/a/b:1"), "localhost/a/b:1");
  assert.equal(fullImageName("r.io:5000/a@sha256:" + "0".repeat(64)), "r.io:5000/a@sha256:" + "0".repeat(64));
  assert.equal(comparableName("docker.io/library/alpine:latest"), comparableName("alpine"));
  assert.notEqual(comparableName("alpine:3"), comparableName("alpine"));
  for (const name of ["A", "a b", "a//b", "a:", "a@b", "-a", "/a", "a:b:c", ""])
    assert.throws(() => checkImageName(name), { code: "IMAGE_NAME_INVALID" }, name);
});

test("modes are octal or symbolic", () => {
  for (const mode of ["755", "0600", "7777", "u=rwX,go=rX", "+x", "go-r", "g=u", "a=r,u+w", "u=rwx,go="])
    assert.equal(checkMode(mode), mode);
  for (const mode of ["10000", "8", "rwxq", "u", "=q", "u+r,", ""])
    assert.throws(() => checkMode(mode), { code: "DOCKERFILE_CHMOD" }, mode);
});

test("git addresses are told from others", () => {
  const plain = { ref: undefined, subdir: undefined, checksum: undefined, keepGitDir: undefined };
  assert.deepEqual(parseGitAddress("https://h/r.git"), { ...plain, remote: "https://h/r.git" });
  assert.deepEqual(parseGitAddress("git@h:o/r#v1:sub/dir"), { ...plain, remote: "git@h:o/r", ref: "v1", subdir: "sub/dir" });
  assert.deepEqual(parseGitAddress("https://h/r.git?tag=v1&checksum=abc&keep-git-dir=1"), {
    ...plain,
    remote: "https://h/r.git",
    ref: "refs/tags/v1",
    checksum: "abc",
    keepGitDir: true,
  });
  for (const text of ["https://h/r.tar.gz", "a.git", "/a/b.git", "a:b"]) assert.equal(parseGitAddress(text), undefined);
  assert.throws(() => parseGitAddress("https://h/r.git?x=1"), { code: "DOCKERFILE_GIT_URL" });
});

test("ports keep what a container listens on", () => {
  assert.deepEqual(exposedPorts("7000-7001/udp"), ["7000/udp", "7001/udp"]);
  assert.deepEqual(exposedPorts("127.0.0.1:80:8080"), ["8080/tcp"]);
  for (const text of ["", "70000", "a:80", "1-", "80/", "80/x"]) assert.throws(() => exposedPorts(text), { code: "DOCKERFILE_PORT" }, text);
});
