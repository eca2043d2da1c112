import assert from "node:assert/strict";
import { test } from "node:test";
import { parseMount, parseTmpfs, parseVolume } from "./mounts.js";

const volume = (text: string): object => parseVolume(text, "/here");
const mount = (text: string): object => parseMount(text, "/here");

test("-v: what has a slash is a folder of the host, other words are volumes", () => {
  assert.deepEqual(volume("/a:/b"), { type: "bind", source: "/a", target: "/b", readonly: false, makesSource: true });
  assert.deepEqual(volume("./a:/b:ro,z"), { type: "bind", source: "/here/a", target: "/b", readonly: true, makesSource: true });
  assert.deepEqual(volume("/a:/b:rslave"), {
    type: "bind",
    source: "/a",
    target: "/b",
    readonly: false,
    makesSource: true,
    propagation: "rslave",
  });
  assert.deepEqual(volume("data:/b:nocopy"), { type: "volume", name: "data", target: "/b", readonly: false, copiesImage: false });
  assert.deepEqual(volume("/b"), { type: "volume", target: "/b", readonly: false, copiesImage: true });
});

test("-v: what can't be meant is refused", () => {
  for (const text of ["", ":/b", "/a:", "a/b:/c", "x:/y", "data:relative", "/a:/b:xx", "/a:/b:ro:z"]) {
    assert.throws(() => volume(text), { code: "USAGE" }, text);
  }
  assert.throws(() => volume("/a:/b:rshared"), { code: "UNSUPPORTED" });
});

test("--mount: a volume unless it says otherwise, with aliases", () => {
  assert.deepEqual(mount("source=vol,target=/t"), { type: "volume", name: "vol", target: "/t", readonly: false, copiesImage: true });
  assert.deepEqual(mount("dst=/t"), { type: "volume", target: "/t", readonly: false, copiesImage: true });
  assert.deepEqual(mount("type=bind,src=a,destination=/t,readonly"), {
    type: "bind",
    source: "/here/a",
    target: "/t",
    readonly: true,
    makesSource: false,
  });
  assert.deepEqual(mount("type=bind,src=/a,dst=/t,ro=false"), {
    type: "bind",
    source: "/a",
    target: "/t",
    readonly: false,
    makesSource: false,
  });
  assert.deepEqual(mount("type=tmpfs,dst=/t,tmpfs-size=1m,tmpfs-mode=700"), {
    type: "tmpfs",
    target: "/t",
    sizeBytes: 1048576,
    mode: 0o700,
  });
  assert.deepEqual(mount("src=vol,dst=/t,volume-label=a=1,volume-label=b"), {
    type: "volume",
    name: "vol",
    target: "/t",
    readonly: false,
    copiesImage: true,
    labels: { a: "1", b: "" },
  });
});

test("--mount: fields of another type are refused by name", () => {
  assert.throws(() => mount("type=bind,src=/a,dst=/t,tmpfs-size=1"), { message: /unexpected key 'tmpfs-size' for type bind/ });
  assert.throws(() => mount("type=cluster,dst=/t"), { message: /"cluster" is not supported/ });
  assert.throws(() => mount("type=bind,src=/a"), { message: /target is required/ });
  assert.throws(() => mount("type=bind,dst=/a"), { message: /wants a source/ });
});

test("--tmpfs: Docker's defaults, less what is taken back", () => {
  assert.deepEqual(parseTmpfs("/t"), { type: "tmpfs", target: "/t", options: ["noexec", "nosuid", "nodev"] });
  assert.deepEqual(parseTmpfs("/t:size=64k,mode=1770,exec,uid=5"), {
    type: "tmpfs",
    target: "/t",
    sizeBytes: 65536,
    mode: 0o1770,
    options: ["nosuid", "nodev", "exec", "uid=5"],
  });
  assert.throws(() => parseTmpfs("/t:what"), { code: "USAGE", message: /what/ });
  assert.throws(() => parseTmpfs("t"), { code: "USAGE" });
});
