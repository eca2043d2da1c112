import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { afterEach, beforeEach, test } from "node:test";
import { removeCgroup } from "./cgroup-removal.js";
import { cgroupName } from "./cgroup.js";
import { RuntimeError } from "./runtime-error.js";
import type { RunOptions } from "./run.js";
import { runProcess } from "./run.js";
import { findProgram } from "./runtime.js";
import type { TestRoot } from "./test-support.js";
import { collect, inPrivateNamespace, isThere, makeTestRoot } from "./test-support.js";
import type { ExitStatus, ProcessSpec } from "./types.js";

let root: TestRoot;

async function run(
  spec: ProcessSpec,
  options: Partial<RunOptions> = {},
): Promise<{ readonly status: ExitStatus; readonly out: string; readonly err: string }> {
  const output = collect();
  const status = await runProcess(spec, { stdin: "null", onOutput: output.onOutput, signal: AbortSignal.timeout(30_000), ...options });
  return { status, out: output.text(1), err: output.text(2) };
}

const shell = (script: string, changes: Partial<ProcessSpec> = {}): ProcessSpec => root.spec({ args: ["sh", "-c", script], ...changes });

/** No hierarchy knows the process any more, and no mount of its is left. */
function assertNothingLeft(spec: ProcessSpec): void {
  const left = readdirSync("/sys/fs/cgroup").filter((name) => isThere(join("/sys/fs/cgroup", name, "tsbuild", spec.id)));
  assert.deepEqual(left, []);
  assert.equal(isThere(join("/sys/fs/cgroup/tsbuild", spec.id)), false);
  assert.equal(readFileSync("/proc/self/mountinfo", "utf8").includes(spec.id), false);
  assert.equal(isThere(join(spec.stateDir, "runtime", spec.id)), false);
}

function processesNamed(marker: string): number {
  return readdirSync("/proc").filter((name) => /^\d+$/.test(name) && commandLine(name).startsWith(`sleep\0${marker}`)).length;
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return "";
  }
}

inPrivateNamespace(import.meta.url, () => {
  beforeEach(() => {
    root = makeTestRoot();
  });
  afterEach(() => {
    root[Symbol.dispose]();
  });

  test("the exit code and both streams come back, and nothing stays", async () => {
    const spec = shell("echo out; echo err >&2; exit 7");
    const { status, out, err } = await run(spec);
    assert.deepEqual([status.code, status.isOomKilled, out, err], [7, false, "out\n", "err\n"]);
    assertNothingLeft(spec);
  });

  test("a signal is 128 and its number", async () => {
    assert.equal((await run(shell("kill -TERM $$; sleep 5", { init: true }))).status.code, 143);
  });

  for (const [args, code] of [
    [["no-such-command"], 127],
    [["/no/such/file"], 127],
    [["/etc/passwd"], 126],
    [["/etc"], 126],
  ] as const) {
    test(`${args.join(" ")} ends with ${code}`, async () => {
      const spec = root.spec({ args });
      await assert.rejects(
        run(spec),
        (error) => error instanceof RuntimeError && error.exitCode === code && error.message.includes(args[0]),
      );
      assertNothingLeft(spec);
    });
  }

  test("a megabyte per stream arrives whole", async () => {
    const { out, err } = await run(shell("head -c 1000000 /dev/zero; head -c 1000000 /dev/zero >&2"));
    assert.deepEqual([out.length, err.length], [1_000_000, 1_000_000]);
  });

  test("stdout is a pipe that can be opened by name, by any user", async () => {
    assert.equal((await run(shell("echo again > /dev/stdout", { user: "app" }))).out, "again\n");
  });

  test("stdin is empty, or what it is given", async () => {
    assert.equal((await run(shell("cat"))).out, "");
    assert.equal((await run(shell("cat"), { stdin: Readable.from(["one ", "two"]) })).out, "one two");
  });

  test("input that the process doesn't read is no error", async () => {
    const endless = new Readable({
      read() {
        this.push(Buffer.alloc(65_536));
      },
    });
    assert.equal((await run(shell("exit 3"), { stdin: endless })).status.code, 3);
    endless.destroy();
  });

  test("killed for want of memory: 137, and the kernel's counter says so", async () => {
    const spec = shell("dd if=/dev/zero of=/dev/null bs=100M count=1", { resources: { memoryBytes: 16 << 20, memorySwapBytes: 16 << 20 } });
    const { status } = await run(spec);
    assert.deepEqual([status.code, status.isOomKilled], [137, true]);
    assertNothingLeft(spec);
  });

  test("137 without the kernel's doing is no want of memory", async () => {
    const { status } = await run(shell("sh -c 'kill -KILL $$'; exit $?"));
    assert.deepEqual([status.code, status.isOomKilled], [137, false]);
  });

  test("aborting ends all processes before it returns", async () => {
    const abort = new AbortController();
    const spec = shell("(sleep 98765 &) ; (sleep 98765 &); echo ready; trap '' TERM INT; sleep 98765");
    const output = collect();
    const running = runProcess(spec, {
      stdin: "null",
      signal: abort.signal,
      onOutput: (stream, data) => {
        output.onOutput(stream, data);
        if (output.text().includes("ready")) abort.abort(new Error("enough"));
      },
    });
    await assert.rejects(running, /enough/);
    assert.equal(processesNamed("98765"), 0);
    assertNothingLeft(spec);
  });

  test("aborting at any moment of the start leaves nothing", async () => {
    for (const delayMs of [0, 1, 3, 6, 9, 12, 20]) {
      const abort = new AbortController();
      const spec = shell("sleep 98766");
      const running = run(spec, { signal: abort.signal });
      setTimeout(() => abort.abort(new Error("enough")), delayMs);
      await assert.rejects(running, /enough/);
      assert.equal(processesNamed("98766"), 0);
      assertNothingLeft(spec);
    }
  });

  test("what a killed tsbuild leaves is found by its cgroup and removed", async () => {
    const spec = shell("sleep 98769 & echo ready; sleep 98769");
    const harness = join(root.folder, "harness.mjs");
    writeFileSync(
      harness,
      `
      import { runProcess } from ${JSON.stringify(import.meta.resolve("./run.js"))};
      await runProcess(${JSON.stringify(spec)}, { stdin: "null", signal: new AbortController().signal, onOutput: () => process.kill(process.pid, "SIGKILL") });`,
    );
    const child = spawn("unshare", ["--mount", "--propagation", "slave", process.execPath, harness], {
      stdio: ["ignore", "ignore", "inherit"],
    });
    await new Promise((resolve) => child.once("exit", resolve));
    assert.ok(processesNamed("98769") > 0);
    await removeCgroup(cgroupName(spec.id));
    assert.equal(processesNamed("98769"), 0);
    assert.deepEqual(
      readdirSync("/sys/fs/cgroup").filter((name) => isThere(join("/sys/fs/cgroup", name, "tsbuild", spec.id))),
      [],
    );
    await removeCgroup(cgroupName(spec.id));
  });

  test("children left behind end with the first process", async () => {
    const spec = shell("sleep 98767 & (sleep 98767 &); exit 0");
    assert.equal((await run(spec)).status.code, 0);
    assert.equal(processesNamed("98767"), 0);
  });

  test("a failing sink ends the process and is what is thrown", async () => {
    const spec = shell("echo x; sleep 98768");
    await assert.rejects(
      run(spec, {
        onOutput: () => {
          throw new Error("disk full");
        },
      }),
      /disk full/,
    );
    assertNothingLeft(spec);
  });

  test("signals are passed on", async () => {
    const output = collect();
    let isReady = (): void => undefined;
    const ready = new Promise<void>((resolve) => {
      isReady = resolve;
    });
    const status = await runProcess(shell("trap 'echo usr1; exit 9' USR1; echo ready; while true; do sleep 0.01; done"), {
      stdin: "null",
      signal: AbortSignal.timeout(20_000),
      onStarted: (running) => void ready.then(() => running.kill("SIGUSR1")),
      onOutput: (stream, data) => {
        output.onOutput(stream, data);
        if (Buffer.from(data).includes("ready")) isReady();
      },
    });
    assert.deepEqual([status.code, output.text()], [9, "ready\nusr1\n"]);
  });

  test("the limit on processes holds", async () => {
    const { status, err } = await run(
      shell("i=0; while [ $i -lt 40 ]; do sleep 2 & i=$((i+1)); done; echo all", { resources: { pids: 20 } }),
    );
    assert.notEqual(status.code, 0);
    assert.match(err, /fork/);
  });

  test("capabilities are Docker's fourteen, none inheritable or ambient", async () => {
    const { out } = await run(shell("grep ^Cap /proc/self/status"));
    const caps = Object.fromEntries(
      out
        .trim()
        .split("\n")
        .map((line) => line.split(":\t")),
    );
    assert.deepEqual(caps, {
      CapInh: "0000000000000000",
      CapPrm: "00000000a80425fb",
      CapEff: "00000000a80425fb",
      CapBnd: "00000000a80425fb",
      CapAmb: "0000000000000000",
    });
  });

  test("the filter is on, with and without its cache, and denies what it should", async () => {
    const filterCacheDir = join(root.folder, "filters");
    const script = "grep -w Seccomp /proc/self/status; unshare -U true 2>&1; mount -t tmpfs x /tmp 2>&1; :";
    const first = await run(shell(script), { filterCacheDir });
    const kept = readdirSync(filterCacheDir);
    const second = await run(shell(script), { filterCacheDir });
    assert.match(first.out, /Seccomp:\t2\n.*not permitted/s);
    assert.equal(second.out, first.out);
    assert.equal(readdirSync(filterCacheDir).length, kept.length);
    if (findProgram("crun") !== undefined) assert.equal(kept.length, 1);
    assert.match(
      (await run(shell("grep -w Seccomp /proc/self/status", { security: { ...root.spec().security, seccomp: "unconfined" } }))).out,
      /Seccomp:\t0/,
    );
  });

  test("a damaged filter in the cache is made anew", async () => {
    const filterCacheDir = join(root.folder, "filters");
    await run(shell("true"), { filterCacheDir });
    for (const name of readdirSync(filterCacheDir)) writeFileSync(join(filterCacheDir, name), "sha256:00\nAAAA");
    assert.match((await run(shell("grep -w Seccomp /proc/self/status"), { filterCacheDir })).out, /Seccomp:\t2/);
    assert.ok(readdirSync(filterCacheDir).every((name) => readFileSync(join(filterCacheDir, name)).length > 1000));
  });

  test("no descriptor but the three is open", async () => {
    const { out } = await run(shell("ls /proc/self/fd"));
    assert.equal(out.trim().split("\n").length, 4, out);
  });

  test("a user of the image, its groups and its home", async () => {
    assert.equal(
      (await run(shell("id; echo $HOME", { user: "app" }))).out,
      "uid=1000(app) gid=1001(app) groups=1001(app),1002(extra)\n/home/app\n",
    );
  });

  test("no network has only loopback", async () => {
    assert.equal((await run(shell("ls /sys/class/net; ip route | wc -l"))).out, "lo\n0\n");
  });

  test("mount targets, hosts and resolv.conf leave no trace, files put there do", async () => {
    writeFileSync(join(root.folder, "data"), "bound");
    const spec = shell("cat /new/deep/file /etc/hosts; touch /kept/own", {
      mounts: [
        { type: "bind", source: join(root.folder, "data"), target: "/new/deep/file", readonly: true },
        { type: "tmpfs", target: "/scratch/x" },
        { type: "tmpfs", target: "/kept/inner" },
      ],
      hostsFile: "127.0.0.1 localhost\n",
      resolvConfFile: "nameserver 10.1.1.1\n",
    });
    assert.equal((await run(spec)).out, "bound127.0.0.1 localhost\n");
    assert.deepEqual(readdirSync(root.rootfs).sort(), ["bin", "dev", "etc", "kept", "proc", "root", "sys", "tmp"]);
    assert.deepEqual(readdirSync(join(root.rootfs, "etc")).sort(), ["group", "passwd"]);
    assert.deepEqual(readdirSync(join(root.rootfs, "kept")), ["own"]);
  });

  test("--init is process 1 and passes signals on", async () => {
    const { out } = await run(shell("cat /proc/1/cmdline | tr '\\0' ' '", { init: true }));
    assert.match(out, /^\/dev\/init -- sh -c/);
  });

  test("-t without a terminal here has one inside", async () => {
    const { out, status } = await run(root.spec({ args: ["sh", "-c", "test -t 0 && test -t 1 && tty; exit 5"], terminal: true }));
    assert.deepEqual([status.code, out], [5, "/dev/pts/0\r\n"]);
  });

  if (findProgram("crun") !== undefined && findProgram("runc") !== undefined) {
    test("runc works as well, and counts kills for want of memory", async () => {
      const runtime = { kind: "runc", path: findProgram("runc") ?? "" } as const;
      assert.equal((await run(shell("echo hi"), { runtime })).out, "hi\n");
      const spec = shell("dd if=/dev/zero of=/dev/null bs=100M count=1", {
        resources: { memoryBytes: 16 << 20, memorySwapBytes: 16 << 20 },
      });
      const { status } = await run(spec, { runtime });
      assert.deepEqual([status.code, status.isOomKilled], [137, true]);
      assertNothingLeft(spec);
      await assert.rejects(
        run(root.spec({ args: ["nope"] }), { runtime }),
        (error) => error instanceof RuntimeError && error.exitCode === 127,
      );
    });
  }
});
