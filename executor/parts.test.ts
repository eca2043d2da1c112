import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { TsbuildError } from "../base/errors.js";
import { cgroupName } from "./cgroup.js";
import { deviceRules, grantedDevices } from "./devices.js";
import { isKernelAtLeast, parseLimits, parseOwnCgroups } from "./host.js";
import { isStaticElf } from "./init.js";
import { lastLoggedError, runtimeError } from "./runtime-error.js";
import { findProgram, findRuntime } from "./runtime.js";
import { withTerminal } from "./terminal.js";

const code =
  (wanted: string) =>
  (error: unknown): boolean =>
    error instanceof TsbuildError && error.code === wanted;

test("limits are read by their ulimit names", () => {
  const limits = parseLimits(
    "Limit                     Soft Limit           Hard Limit           Units     \nMax open files            1024                 20000                files     \nMax core file size        0                    unlimited            bytes     \n",
  );
  assert.deepEqual(
    [...limits],
    [
      ["nofile", 20_000],
      ["core", -1],
    ],
  );
  assert.ok(parseLimits(readFileSync("/proc/self/limits", "latin1")).size > 10);
});

test("version 1 controllers are found, named hierarchies and version 2 are none", () => {
  assert.deepEqual(parseOwnCgroups("4:memory:/a:b\n3:cpu,cpuacct:/\n2:name=systemd:/\n0::/x\n"), [
    { controllers: ["memory"], path: "/a:b" },
    { controllers: ["cpu", "cpuacct"], path: "/" },
  ]);
});

test("kernel versions compare by number", () => {
  assert.deepEqual(
    [isKernelAtLeast("5.12.0", 5, 12), isKernelAtLeast("5.9-rc1", 5, 12), isKernelAtLeast("6.1.0-18-amd64", 5, 12)],
    [true, false, true],
  );
});

test("a cgroup parent is absolute and without detours", () => {
  assert.equal(cgroupName("x"), "/tsbuild/x");
  assert.equal(cgroupName("x", "/a/b"), "/a/b/x");
  for (const bad of ["a", "/a/../b", "/a//b", "/a/."]) assert.throws(() => cgroupName("x", bad), code("CGROUP_PARENT_INVALID"), bad);
});

test("a granted device gets its node and its rule; what is none is refused", () => {
  const devices = grantedDevices([{ hostPath: "/dev/null", target: "/dev/mine", access: "rw" }]);
  assert.deepEqual(
    devices.map(({ node }) => [node.path, node.type, node.major, node.minor]),
    [["/dev/mine", "c", 1, 3]],
  );
  assert.deepEqual(deviceRules(devices, { privileged: false }).at(-1), { allow: true, type: "c", major: 1, minor: 3, access: "rw" });
  assert.throws(() => grantedDevices([{ hostPath: "/dev/does-not-exist", target: "/x", access: "r" }]), code("DEVICE_NOT_FOUND"));
  assert.throws(() => grantedDevices([{ hostPath: "/etc/passwd", target: "/x", access: "r" }]), code("DEVICE_INVALID"));
  assert.throws(() => grantedDevices([{ hostPath: "/dev/null", target: "/x", access: "rr" }]), code("DEVICE_INVALID"));
});

test("everything is denied first", () => {
  assert.deepEqual(deviceRules([], { privileged: false })[0], { allow: false, access: "rwm" });
});

test("the runtimes' messages become Docker's exit codes", () => {
  const cases: readonly (readonly [string, number])[] = [
    ["executable file `nope` not found in $PATH: No such file or directory", 127],
    ['runc run failed: unable to start container process: exec: "nope": executable file not found in $PATH', 127],
    ['runc run failed: unable to start container process: exec: "/no": stat /no: no such file or directory', 127],
    ["open executable: Permission denied", 126],
    ["open executable: Operation not permitted", 126],
    ["exec container process `/x`: Exec format error", 126],
    ['runc run failed: unable to start container process: exec: "/etc": permission denied', 126],
    ["mount `x` to `y`: No such file or directory", 125],
    ["write to `/sys/fs/cgroup/memory.max`: Permission denied", 125],
  ];
  for (const [text, exitCode] of cases) assert.equal(runtimeError(text, "cmd").exitCode, exitCode, text);
});

test("the last error of a runtime's log counts, warnings don't", () => {
  assert.equal(lastLoggedError('{"level":"error","msg":"one"}\n{"level":"error","msg":"two"}\n{"level":"warning","msg":"three"}\n'), "two");
  assert.equal(lastLoggedError('{"level":"warning","msg":"x"}\n'), undefined);
});

test("a named runtime that isn't there is an error that names it", () => {
  assert.throws(
    () => findRuntime({ TSBUILD_RUNTIME: "no-such-runtime" }),
    (error) => error instanceof TsbuildError && error.message.includes("no-such-runtime"),
  );
});

test("a static program is told from a dynamic one", { skip: findProgram("busybox") === undefined }, () => {
  assert.equal(isStaticElf(readFileSync(process.execPath).subarray(0, 4096)), false);
  assert.equal(isStaticElf(readFileSync(findProgram("busybox") ?? "").subarray(0, 4096)), true);
  assert.equal(isStaticElf(Buffer.from("#!/bin/sh\n")), false);
});

test("a wrapped command line survives the shell", { skip: findProgram("script") === undefined }, () => {
  assert.equal(withTerminal("/bin/echo", ["it's", "$HOME"]).args.at(-2), "exec '/bin/echo' 'it'\\''s' '$HOME'");
});
