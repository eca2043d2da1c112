import assert from "node:assert/strict";
import {
  closeSync,
  constants,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, afterEach, describe, test } from "node:test";
import { Worker } from "node:worker_threads";
import { isErrno } from "../base/errors.js";
import { bindKernel, loadKernel } from "./kernel.js";
import { bindLibc } from "./libc.js";
import { SyscallError } from "./syscall-error.js";
import type { Kernel } from "./types.js";

const isRoot = process.geteuid?.() === 0;
const kernel = loadKernel();
let dir = "";

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "sys-"));
});
afterEach(() => {
  rmSync(dir, { recursive: true });
});

function failure(code: string, pattern: RegExp = /./): (error: unknown) => boolean {
  return (error) => error instanceof SyscallError && error.code === code && pattern.test(error.message);
}

function make(...names: readonly string[]): readonly string[] {
  return names.map((name) => {
    mkdirSync(join(dir, name), { recursive: true });
    return join(dir, name);
  });
}

describe("openAt", () => {
  let fd = -1;
  beforeEach(() => {
    make("root/sub");
    writeFileSync(join(dir, "root/sub/file"), "inside");
    writeFileSync(join(dir, "secret"), "outside");
    symlinkSync("/sub/file", join(dir, "root/absolute"));
    symlinkSync("../../../secret", join(dir, "root/escape"));
    symlinkSync("sub/file", join(dir, "root/relative"));
    fd = openSync(join(dir, "root"), constants.O_RDONLY | constants.O_DIRECTORY);
  });
  afterEach(() => closeSync(fd));

  const read = (path: string, resolve: "in-root" | "beneath" | "no-links"): string => {
    const file = kernel.openAt(fd, path, { flags: constants.O_RDONLY, resolve });
    try {
      return readFileSync(file, "utf8");
    } finally {
      closeSync(file);
    }
  };

  test("in-root: absolute links start at the root and .. stops there", () => {
    assert.equal(read("absolute", "in-root"), "inside");
    assert.equal(read("/../../sub/file", "in-root"), "inside");
    assert.throws(() => read("escape", "in-root"), failure("ENOENT", /openat2 escape/));
  });
  test("beneath: leaving is an error, links inside are followed", () => {
    assert.equal(read("relative", "beneath"), "inside");
    assert.throws(() => read("absolute", "beneath"), failure("EXDEV"));
    assert.throws(() => read("escape", "beneath"), failure("EXDEV"));
  });
  test("no-links: any link is an error", () => {
    assert.equal(read("sub/file", "no-links"), "inside");
    assert.throws(() => read("relative", "no-links"), failure("ELOOP"));
  });
  test("an empty path is the root", () => {
    closeSync(kernel.openAt(fd, "", { flags: constants.O_RDONLY | constants.O_DIRECTORY, resolve: "beneath" }));
  });
  test("creates with the mode, and closes at exec", () => {
    const file = kernel.openAt(fd, "new", {
      flags: constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL,
      mode: 0o640,
      resolve: "no-links",
    });
    assert.match(readFileSync(`/proc/self/fdinfo/${file}`, "utf8"), /flags:\s+0?2\d{6}/);
    closeSync(file);
    assert.equal(lstatSync(join(dir, "root/new")).mode & 0o777, 0o640 & ~process.umask());
  });
  test("a NUL in a path is refused, not cut off", () => {
    assert.throws(() => read("sub/file\0.txt", "in-root"), failure("EINVAL"));
  });
});

describe("xattrs", () => {
  test("are set, listed in byte order, read and removed", () => {
    const file = join(dir, "f");
    writeFileSync(file, "");
    assert.deepEqual(kernel.listXattrs(file), []);
    kernel.setXattr(file, "user.b", Buffer.from([0, 1, 255]));
    kernel.setXattr(Buffer.from(file), "user.a", Buffer.alloc(0));
    assert.deepEqual(kernel.listXattrs(file), ["user.a", "user.b"]);
    assert.deepEqual(kernel.getXattr(file, "user.b"), Buffer.from([0, 1, 255]));
    assert.deepEqual(kernel.getXattr(file, "user.a"), Buffer.alloc(0));
    kernel.removeXattr(file, "user.b");
    assert.equal(kernel.getXattr(file, "user.b"), undefined);
    assert.throws(() => kernel.removeXattr(file, "user.b"), failure("ENODATA"));
  });
  test("are those of the link, not of what it points at", () => {
    writeFileSync(join(dir, "f"), "");
    kernel.setXattr(join(dir, "f"), "user.a", Buffer.from("x"));
    symlinkSync("f", join(dir, "link"));
    assert.deepEqual(kernel.listXattrs(join(dir, "link")), []);
  });
  test("of a file that is missing are an error, of a filesystem without them none", () => {
    assert.throws(() => kernel.listXattrs(join(dir, "none")), failure("ENOENT", /llistxattr .*none/));
    assert.equal(kernel.getXattr("/proc/self/status", "user.a"), undefined);
  });
});

describe("files", () => {
  test("times of a link itself, with nanoseconds, before and after 1970", () => {
    symlinkSync("nowhere", join(dir, "link"));
    kernel.setTimes(join(dir, "link"), 5n, 1_700_000_000_123_456_789n);
    assert.equal(lstatSync(join(dir, "link"), { bigint: true }).mtimeNs, 1_700_000_000_123_456_789n);
    kernel.setTimes(join(dir, "link"), 0n, -1_500_000_000n);
    assert.equal(lstatSync(join(dir, "link"), { bigint: true }).mtimeNs, -1_500_000_000n);
  });
  test("renameNoReplace tells whether the target was there", () => {
    const [a, b] = [join(dir, "a"), join(dir, "b")];
    writeFileSync(a, "a");
    assert.equal(kernel.renameNoReplace(a, b), true);
    writeFileSync(a, "other");
    assert.equal(kernel.renameNoReplace(a, b), false);
    assert.equal(readFileSync(b, "utf8"), "a");
    assert.throws(() => kernel.renameNoReplace(join(dir, "none"), join(dir, "c")), failure("ENOENT"));
  });
  test("mknod makes devices with large numbers, whiteouts and fifos", { skip: !isRoot && "needs root" }, () => {
    kernel.mknod(join(dir, "dev"), constants.S_IFCHR | 0o600, 259, 70000);
    const { rdev, mode } = lstatSync(join(dir, "dev"));
    const [major, minor] = [(rdev >> 8) & 0xfff, (rdev & 0xff) | ((rdev >> 12) & ~0xff)];
    assert.deepEqual([major, minor, mode & 0o170000], [259, 70000, constants.S_IFCHR]);
    kernel.mknod(join(dir, "fifo"), constants.S_IFIFO | 0o644, 0, 0);
    assert.ok(lstatSync(join(dir, "fifo")).isFIFO());
    assert.throws(() => kernel.mknod(join(dir, "fifo"), constants.S_IFIFO, 0, 0), failure("EEXIST"));
  });
  test("a flock is refused while another description has it, and free after closing", () => {
    const path = join(dir, "lock");
    const [first, second] = [openSync(path, "w"), openSync(path, "r")];
    assert.equal(kernel.tryFlock(first, "exclusive"), true);
    assert.equal(kernel.tryFlock(second, "exclusive"), false);
    assert.equal(kernel.tryFlock(second, "shared"), false);
    closeSync(first);
    assert.equal(kernel.tryFlock(second, "shared"), true);
    closeSync(second);
    assert.throws(() => kernel.tryFlock(second, "shared"), failure("EBADF"));
  });
  test("syncfs beside other work", async () => {
    const fd = openSync(dir, "r");
    await kernel.syncfsAsync(fd);
    closeSync(fd);
    await assert.rejects(kernel.syncfsAsync(fd), failure("EBADF"));
  });
  test("syncfs and umask", () => {
    const fd = openSync(dir, "r");
    kernel.syncfs(fd);
    closeSync(fd);
    const old = kernel.umask(0o27);
    assert.equal(kernel.umask(old), 0o27);
    assert.throws(
      () => kernel.syncfs(fd),
      (error) => isErrno(error, "EBADF"),
    );
  });
});

test("works in a worker thread", async () => {
  const code = `import(${JSON.stringify(new URL("./kernel.js", import.meta.url).href)}).then(({ loadKernel }) => {
    const kernel = loadKernel();
    const { parentPort } = require("node:worker_threads");
    parentPort.postMessage([kernel === loadKernel(), kernel.umask(kernel.umask(0o22))]);
  })`;
  const worker = new Worker(code, { eval: true });
  const [isMemoised] = await new Promise<readonly unknown[]>((resolve, reject) => {
    worker.once("message", resolve);
    worker.once("error", reject);
  });
  assert.equal(isMemoised, true);
  await worker.terminate();
});

for (const usesFsconfig of [true, false]) {
  describe(`mounts, ${usesFsconfig ? "by fsconfig" : "by mount(2)"}`, { skip: !isRoot && "needs root" }, () => {
    let mounting: Kernel;
    before(() => {
      mounting = bindKernel(bindLibc(), { usesFsconfig });
    });
    beforeEach(() => {
      // Overlay needs a filesystem that can be an upper; /tmp may be an overlay itself.
      mounting.mount("tmpfs", dir, "tmpfs", ["nosuid", "nodev"], "size=16m");
      mounting.setPropagation(dir, "private");
    });
    afterEach(() => mounting.umount(dir, { detach: true }));

    const layers = (count: number, prefix = "l"): readonly string[] =>
      Array.from({ length: count }, (_, index) => {
        const [path = ""] = make(`${prefix}${index}`);
        writeFileSync(join(path, `f${index}`), String(index));
        writeFileSync(join(path, "same"), String(index));
        return path;
      });

    test("an overlay shows the first lower on top and writes to upper", () => {
      const lowers = layers(3);
      const [upper, work, target = ""] = make("upper", "work", "target");
      mounting.mountOverlay({ lowers, upper, work, target });
      assert.equal(readFileSync(join(target, "same"), "utf8"), "0");
      rmSync(join(target, "f2"));
      writeFileSync(join(target, "new"), "n");
      const options =
        readFileSync("/proc/self/mountinfo", "utf8")
          .split("\n")
          .find((line) => line.includes(` ${target} `)) ?? "";
      mounting.umount(target);
      assert.ok(lstatSync(join(dir, "upper/f2")).isCharacterDevice());
      assert.ok(existsSync(join(dir, "upper/new")));
      assert.ok(!options.includes("index=on") && !options.includes("metacopy=on") && !options.includes("redirect_dir=on"), options);
    });
    test("without upper it is read-only, with one lower too", () => {
      const lowers = layers(2);
      const [target = ""] = make("target");
      for (const count of [1, 2]) {
        mounting.mountOverlay({ lowers: lowers.slice(0, count), target });
        assert.equal(readFileSync(join(target, "same"), "utf8"), "0");
        assert.throws(
          () => writeFileSync(join(target, "x"), ""),
          (error) => isErrno(error, "EROFS"),
        );
        mounting.umount(target);
      }
    });
    test("without lowers it is the upper itself", () => {
      const [upper = "", work, target = ""] = make("upper", "work", "target");
      mounting.mountOverlay({ lowers: [], upper, work, target });
      writeFileSync(join(target, "x"), "1");
      linkSync(join(target, "x"), join(target, "y"));
      mounting.umount(target);
      assert.deepEqual(readdirSync(upper).sort(), ["x", "y"]);
    });
    test("hundreds of layers", () => {
      const lowers = layers(usesFsconfig ? 480 : 300);
      const [upper, work, target = ""] = make("upper", "work", "target");
      mounting.mountOverlay({ lowers, upper, work, target });
      assert.equal(readdirSync(target).length, lowers.length + 1);
      mounting.umount(target);
    });
    test("long paths, and characters that mount options treat specially", () => {
      const [deep = ""] = make(`${"d".repeat(200)}/${"e:,\\ é".repeat(20)}`);
      writeFileSync(join(deep, "x"), "1");
      const [other = "", upper, work, target = ""] = make("a:b,c\\d", `${"u".repeat(200)}/${"v".repeat(100)}`, "w:,", "target");
      mounting.mountOverlay({ lowers: [deep, other], upper, work, target });
      assert.equal(readFileSync(join(target, "x"), "utf8"), "1");
      mounting.umount(target);
    });
    test("volatile is taken", () => {
      const lowers = layers(1);
      const [upper, work, target = ""] = make("upper", "work", "target");
      mounting.mountOverlay({ lowers, upper, work, target, volatile: true });
      assert.match(
        readFileSync("/proc/self/mountinfo", "utf8")
          .split("\n")
          .find((line) => line.includes(` ${target} `)) ?? "",
        /volatile/,
      );
      mounting.umount(target);
    });
    test("a failure says where and why", () => {
      const [target = ""] = make("target");
      const [lower = ""] = layers(1);
      const reason = usesFsconfig
        ? /mount overlay .*target: EINVAL: .*l0\/same.*not a directory/
        : /mount overlay .*target: E\w+.*lowerdir=/;
      assert.throws(
        () => mounting.mountOverlay({ lowers: [join(lower, "same"), lower], target }),
        (error) => error instanceof SyscallError && reason.test(error.message),
      );
      assert.throws(() => mounting.mountOverlay({ lowers: [join(dir, "none"), dir], target }), failure("ENOENT"));
      assert.ok(!existsSync("/run/tb") || readdirSync("/run/tb").length === 0, "links are removed");
    });
    test("a read-only bind covers what is mounted below when recursive", () => {
      const [source = "", inner = "", target = ""] = make("source", "source/inner", "target");
      mounting.mount("tmpfs", inner, "tmpfs", []);
      mounting.bind(source, target, { readonly: true, recursive: true });
      assert.throws(
        () => writeFileSync(join(target, "inner/x"), ""),
        (error) => isErrno(error, "EROFS"),
      );
      writeFileSync(join(inner, "x"), "");
      mounting.umount(target, { detach: true });
      mounting.umount(inner);
    });
    test("umount of what is no mount, or is missing, is an error; a link is not followed", () => {
      assert.throws(() => mounting.umount(join(dir, "nothing")), failure("ENOENT"));
      const [plain = "", target = ""] = make("plain", "target");
      assert.throws(() => mounting.umount(plain), failure("EINVAL"));
      mounting.bind(plain, target, { readonly: false, recursive: false });
      symlinkSync(target, join(dir, "link"));
      assert.throws(() => mounting.umount(join(dir, "link")), failure("EINVAL"));
      mounting.umount(target);
    });
  });
}

after(() => assert.ok(!readFileSync("/proc/self/mountinfo", "utf8").includes("/sys-"), "no mount is left"));
