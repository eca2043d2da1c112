import assert from "node:assert/strict";
import { test } from "node:test";
import { DEFAULT_CAPABILITIES } from "./capabilities.js";
import type { SeccompSubject } from "./seccomp.js";
import { seccompProfile } from "./seccomp.js";

const profile = (changes: Partial<SeccompSubject> = {}): ReturnType<typeof seccompProfile> =>
  seccompProfile({ capabilities: DEFAULT_CAPABILITIES, hostArchitecture: "amd64", imageArchitecture: "amd64", ...changes });

/** Names that are allowed without looking at arguments. */
function allowed(changes: Partial<SeccompSubject> = {}): ReadonlySet<string> {
  return new Set(
    profile(changes)
      .syscalls.filter((rule) => rule.action === "SCMP_ACT_ALLOW" && rule.args === undefined)
      .flatMap((rule) => rule.names),
  );
}

test("what is dangerous is not allowed with the default capabilities", () => {
  const names = allowed();
  for (const name of [
    "mount",
    "umount2",
    "unshare",
    "setns",
    "bpf",
    "perf_event_open",
    "userfaultfd",
    "io_uring_setup",
    "keyctl",
    "add_key",
    "request_key",
    "kexec_load",
    "open_by_handle_at",
    "socketcall",
    "clone",
    "clone3",
    "socket",
    "personality",
    "init_module",
    "reboot",
    "fsopen",
    "swapon",
    "iopl",
  ]) {
    assert.equal(names.has(name), false, name);
  }
});

test("what every program needs is allowed", () => {
  const names = allowed();
  for (const name of [
    "read",
    "openat",
    "openat2",
    "execve",
    "fork",
    "mmap",
    "futex",
    "connect",
    "chroot",
    "arch_prctl",
    "fchmodat2",
    "ptrace",
    "mknod",
    "rseq",
    "statx",
  ])
    assert.equal(names.has(name), true, name);
});

test("clone is allowed without new namespaces, clone3 doesn't exist", () => {
  const rules = profile().syscalls;
  assert.deepEqual(rules.find((rule) => rule.names.includes("clone"))?.args, [
    { index: 0, value: 2_114_060_288, valueTwo: 0, op: "SCMP_CMP_MASKED_EQ" },
  ]);
  assert.equal(rules.find((rule) => rule.names.includes("clone3"))?.errnoRet, 38);
});

test("sockets of the crypto interface and the hypervisor are left out", () => {
  const rules = profile()
    .syscalls.filter((rule) => rule.names.includes("socket"))
    .map((rule) => [rule.args?.[0]?.op, rule.args?.[0]?.value]);
  assert.deepEqual(rules, [
    ["SCMP_CMP_LT", 38],
    ["SCMP_CMP_EQ", 39],
    ["SCMP_CMP_GT", 40],
  ]);
});

test("a capability opens what it is for", () => {
  const names = allowed({ capabilities: [...DEFAULT_CAPABILITIES, "CAP_SYS_ADMIN"] });
  assert.ok(["mount", "clone", "clone3", "unshare"].every((name) => names.has(name)));
  assert.equal(
    profile({ capabilities: ["CAP_SYS_ADMIN"] }).syscalls.some((rule) => rule.errnoRet === 38),
    false,
  );
});

test("only an image for 32-bit x86 gets socketcall", () => {
  assert.ok(allowed({ imageArchitecture: "386" }).has("socketcall"));
});

test("the 32-bit calls of an architecture are filtered too", () => {
  assert.deepEqual(profile().architectures, ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"]);
  assert.deepEqual(profile({ hostArchitecture: "arm64" }).architectures, ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"]);
});

test("no name is there twice or misspelt by a blank", () => {
  const names = profile().syscalls[0]?.names ?? [];
  assert.equal(new Set(names).size, names.length);
  assert.ok(names.every((name) => /^[a-z0-9_]+$/.test(name)));
});
