import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { TsbuildError } from "../base/errors.js";
import { loadKernel } from "../sys/kernel.js";
import { lookupGroup, lookupUser, resolveOwner, resolveUser } from "./user.js";

const kernel = loadKernel();
let rootfs = "";

beforeEach(() => {
  rootfs = mkdtempSync(join(tmpdir(), "tsbuild-user-"));
  mkdirSync(join(rootfs, "etc"));
  writeFileSync(
    join(rootfs, "etc/passwd"),
    "root:x:0:0:root:/root:/bin/sh\nbroken\n#app:x:1:1::/:\napp:x:1000:50:App:/home/app:/bin/sh\n77:x:78:78::/odd:\n",
  );
  writeFileSync(join(rootfs, "etc/group"), "root:x:0:\nstaff:x:50:\nwheel:x:60:app,root\naudio:x:61:app\n");
});
afterEach(() => rmSync(rootfs, { recursive: true, force: true }));

const resolve = (user: string, groups: readonly string[] = []): ReturnType<typeof resolveUser> =>
  resolveUser(kernel, rootfs, { user, groups });
const code =
  (wanted: string) =>
  (error: unknown): boolean =>
    error instanceof TsbuildError && error.code === wanted;

test("a name brings its group, its groups and its home", () => {
  assert.deepEqual(resolve("app"), { uid: 1000, gid: 50, additionalGids: [50, 60, 61], home: "/home/app", name: "app" });
});

test("a number that is listed is the same user; one that isn't has group 0 and no home", () => {
  assert.deepEqual(resolve("1000").additionalGids, [50, 60, 61]);
  assert.deepEqual(resolve("4321"), { uid: 4321, gid: 0, additionalGids: [0], home: "/", name: undefined });
});

test("an explicit group stands alone", () => {
  assert.deepEqual([resolve("app:wheel").gid, resolve("app:wheel").additionalGids], [60, [60]]);
  assert.equal(resolve("app:7").gid, 7);
});

test("nobody said is root, with the groups that list it", () => {
  assert.deepEqual([resolve("").uid, resolve("").additionalGids, resolve("").home], [0, [0, 60], "/root"]);
});

test("groups on top are looked up, too", () => {
  assert.deepEqual(resolve("0", ["audio", "99"]).additionalGids, [0, 60, 61, 99]);
  assert.throws(() => resolve("0", ["nope"]), code("GROUP_NOT_FOUND"));
});

test("a number is never a name, and what is no number in range is refused", () => {
  assert.equal(resolve("77").home, "/");
  for (const bad of ["4294967296", "2147483648", "-1", "+1", "1000 ", " app", "a b", "app:-1", "app:4294967296", "a:b:c", "app:x y"]) {
    assert.throws(
      () => resolve(bad),
      (error) => error instanceof TsbuildError && /^(USER|GROUP)_INVALID$/.test(error.code),
      bad,
    );
  }
});

test("unknown names are errors", () => {
  assert.throws(() => resolve("nobody"), code("USER_NOT_FOUND"));
  assert.throws(() => resolve("app:nobody"), code("GROUP_NOT_FOUND"));
  assert.throws(() => lookupUser(kernel, rootfs, "nobody"), code("USER_NOT_FOUND"));
  assert.throws(() => lookupGroup(kernel, rootfs, "nobody"), code("GROUP_NOT_FOUND"));
});

test("owners: a number alone is the group too, a name brings its own, only a group leaves root", () => {
  assert.deepEqual(
    ["7", "app", "app:7", "7:wheel", ":staff", "app:staff"].map((owner) => resolveOwner(kernel, rootfs, owner)),
    [
      { uid: 7, gid: 7 },
      { uid: 1000, gid: 50 },
      { uid: 1000, gid: 7 },
      { uid: 7, gid: 60 },
      { uid: 0, gid: 50 },
      { uid: 1000, gid: 50 },
    ],
  );
});

test("without files numbers work and names don't", () => {
  rmSync(join(rootfs, "etc"), { recursive: true });
  assert.equal(resolve("12:13").gid, 13);
  assert.deepEqual(resolveOwner(kernel, rootfs, "5"), { uid: 5, gid: 5 });
  assert.throws(() => resolve("app"), code("USER_NOT_FOUND"));
});

test("links are followed inside the image only", () => {
  rmSync(join(rootfs, "etc/passwd"));
  writeFileSync(join(rootfs, "real"), "inside:x:5:5::/:\n");
  symlinkSync("/real", join(rootfs, "etc/passwd"));
  assert.equal(resolve("inside").uid, 5);
  rmSync(join(rootfs, "etc/passwd"));
  symlinkSync("../../../../../../etc/passwd", join(rootfs, "etc/passwd"));
  assert.throws(() => resolve("daemon"));
});

test("a FIFO and a file of gigabytes are refused at once", () => {
  rmSync(join(rootfs, "etc/passwd"));
  execFileSync("mkfifo", [join(rootfs, "etc/passwd")]);
  assert.throws(() => resolve("app"), code("USER_DATABASE_UNREADABLE"));
  rmSync(join(rootfs, "etc/passwd"));
  writeFileSync(join(rootfs, "etc/passwd"), "");
  truncateSync(join(rootfs, "etc/passwd"), 5_000_000_000);
  assert.throws(() => resolve("app"), code("USER_DATABASE_UNREADABLE"));
});
