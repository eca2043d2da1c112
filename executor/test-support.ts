/** For the tests of this folder: a small root filesystem, a plain spec, and a mount namespace of their own. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { isPrivateMountNamespace } from "./mount-namespace.js";
import { findProgram } from "./runtime.js";
import type { OutputSink, ProcessSpec } from "./types.js";

/** Why tests with real containers can't run here; `undefined` when they can. */
export function whyNoContainers(): string | undefined {
  if (process.getuid?.() !== 0) return "needs root";
  if (findProgram("crun", "runc") === undefined) return "needs crun or runc";
  return findProgram("busybox") === undefined ? "needs busybox-static" : undefined;
}

/**
 * Runs `define` when this process has a mount namespace of its own (with `network`, a network namespace too); otherwise
 * defines one test that runs the same file in one. `url` is the test file's import.meta.url.
 */
export function inPrivateNamespace(url: string, define: () => void, { network = false }: { readonly network?: boolean } = {}): void {
  const skip = whyNoContainers();
  const isInside = network ? process.env["TSBUILD_TEST_NETWORK"] === "1" : isPrivateMountNamespace();
  if (skip !== undefined || isInside) {
    if (skip === undefined) define();
    else void test("real containers", { skip }, () => undefined);
    return;
  }
  void test("in namespaces of its own", () => {
    const { NODE_TEST_CONTEXT: _, ...inherited } = process.env;
    const env = { ...inherited, TSBUILD_PRIVATE_MOUNTS: "1", ...(network ? { TSBUILD_TEST_NETWORK: "1" } : {}) };
    const args = [
      "--mount",
      "--propagation",
      "slave",
      ...(network ? ["--net"] : []),
      process.execPath,
      "--test",
      "--test-reporter=spec",
      fileURLToPath(url),
    ];
    const result = spawnSync("unshare", args, { env, encoding: "utf8" });
    assert.equal(result.status, 0, result.stdout + result.stderr);
  });
}

export interface TestRoot {
  readonly folder: string;
  readonly rootfs: string;
  spec(changes?: Partial<ProcessSpec>): ProcessSpec;
  [Symbol.dispose](): void;
}

const APPLETS = [
  "sh",
  "cat",
  "ls",
  "sleep",
  "echo",
  "id",
  "mount",
  "mkdir",
  "ip",
  "wget",
  "nc",
  "stty",
  "tty",
  "head",
  "dd",
  "kill",
  "grep",
  "true",
  "env",
  "hostname",
  "awk",
  "tr",
  "sort",
  "wc",
  "stat",
  "httpd",
  "route",
  "nproc",
  "readlink",
  "chown",
  "touch",
  "ping",
  "test",
  "seq",
  "dmesg",
  "unshare",
  "rm",
  "ln",
];

export function makeTestRoot(): TestRoot {
  const folder = mkdtempSync(join(tmpdir(), "tsbuild-executor-"));
  const rootfs = join(folder, "rootfs");
  for (const name of ["bin", "etc", "tmp", "root", "proc", "sys", "dev"]) mkdirSync(join(rootfs, name), { recursive: true });
  copyFileSync(findProgram("busybox") ?? "", join(rootfs, "bin/busybox"));
  for (const applet of APPLETS) symlinkSync("busybox", join(rootfs, "bin", applet));
  writeFileSync(join(rootfs, "etc/passwd"), "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001:App:/home/app:/bin/sh\n");
  writeFileSync(join(rootfs, "etc/group"), "root:x:0:\napp:x:1001:\nextra:x:1002:app,other\n");
  return {
    folder,
    rootfs,
    spec: (changes) => plainSpec(folder, rootfs, changes),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}

function plainSpec(folder: string, rootfs: string, changes: Partial<ProcessSpec> = {}): ProcessSpec {
  const id = `test-${randomBytes(6).toString("hex")}`;
  return {
    id,
    stateDir: join(folder, id),
    rootfs,
    args: ["true"],
    env: ["PATH=/bin"],
    cwd: "/",
    user: "",
    mounts: [],
    network: { type: "none" },
    security: { capAdd: [], capDrop: [], privileged: false, seccomp: "default", noNewPrivileges: false, readonlyRootfs: false },
    resources: {},
    init: false,
    terminal: false,
    ...changes,
  };
}

/** Collects output as text. */
export function collect(): { readonly onOutput: OutputSink; text(stream?: 1 | 2): string } {
  const chunks: { readonly stream: 1 | 2; readonly data: Buffer }[] = [];
  return {
    onOutput: (stream, data) => {
      chunks.push({ stream, data: Buffer.from(data) });
    },
    text: (stream) =>
      Buffer.concat(chunks.filter((chunk) => stream === undefined || chunk.stream === stream).map(({ data }) => data)).toString("utf8"),
  };
}

export function isThere(path: string): boolean {
  return existsSync(path);
}
