/** The launcher with a main.js of our own in the place of the program: namespaces, signals, exit codes. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { isErrno } from "../../base/errors.js";

/** Tells its surroundings as JSON, then waits for a signal and exits with 42. */
const MAIN = `
import { spawn } from "node:child_process";
import { readlinkSync, readFileSync } from "node:fs";
const [command, last] = [process.argv[2], process.argv.at(-1)];
if (last === "stdin") process.stdin.on("data", (data) => process.stdout.write(data));
else if (last === "wait") {
  for (const signal of ["SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM", "SIGUSR1", "SIGUSR2"])
    process.on(signal, () => { console.log(signal); setTimeout(() => process.exit(42), 30); });
  const child = spawn("sleep", ["300"]);
  const outside = /^NSpid:\\s+(\\d+)/m.exec(readFileSync("/proc/self/status", "latin1"))[1];
  child.on("spawn", () => console.log("ready " + outside));
} else {
  console.log(JSON.stringify({
    pid: process.pid, args: process.argv.slice(2), mnt: readlinkSync("/proc/self/ns/mnt"), pidns: readlinkSync("/proc/self/ns/pid"),
    proc: readlinkSync("/proc/self"), ca: process.env.TSBUILD_EXTRA_CA_CERTS, nodeCa: process.env.NODE_EXTRA_CA_CERTS,
  }));
  process.exit(7);
}
`;

let folder = "";
let launcher = "";

before(() => {
  folder = mkdtempSync(join(tmpdir(), "launcher-"));
  mkdirSync(join(folder, "bin"));
  mkdirSync(join(folder, "dist/bundle"), { recursive: true });
  launcher = join(folder, "bin/tsbuild");
  copyFileSync(join(projectRoot(), "bin/tsbuild"), launcher);
  writeFileSync(join(folder, "dist/bundle/main.js"), MAIN);
  writeFileSync(join(folder, "package.json"), '{"type":"module"}');
});
after(() => rmSync(folder, { recursive: true }));

function projectRoot(): string {
  let path = import.meta.dirname;
  while (!existsSync(join(path, "package.json"))) path = dirname(path);
  return path;
}

interface Surroundings {
  readonly pid: number;
  readonly args: readonly string[];
  readonly mnt: string;
  readonly pidns: string;
  readonly proc: string;
  readonly ca?: string;
  readonly nodeCa?: string;
}

function surroundings(
  args: readonly string[],
  { path = launcher, env = {} }: { readonly path?: string; readonly env?: Record<string, string> } = {},
): Surroundings {
  const { status, stdout, stderr } = spawnSync(path, args, { encoding: "utf8", env: { ...process.env, ...env } });
  assert.equal(status, 7, stderr);
  return JSON.parse(stdout) as Surroundings;
}

const ownMount = readlinkSync("/proc/self/ns/mnt");
const ownPid = readlinkSync("/proc/self/ns/pid");

test("version and help need no namespace", () => {
  for (const args of [["version"], ["--version"], ["--help"], []]) {
    const { mnt, pidns } = surroundings(args);
    assert.deepEqual([mnt, pidns], [ownMount, ownPid]);
  }
});

test("other commands have mounts of their own, build and run processes too", () => {
  const kind = (...args: string[]): string => {
    const { mnt, pidns, pid, proc } = surroundings(args);
    assert.notEqual(mnt, ownMount);
    if (pidns === ownPid) return "mount";
    assert.deepEqual([pid, proc], [1, "1"]);
    return "pid";
  };
  assert.equal(kind("images"), "mount");
  assert.equal(kind("build", "."), "pid");
  assert.equal(kind("-t", "app", "."), "pid");
  assert.equal(kind("--root", "/x", "--debug", "images"), "mount");
  assert.equal(kind("run", "-it", "--name", "-d", "-e", "A=d", "-v/a:/d", "app", "-d"), "pid");
  assert.equal(kind("run", "-it", "--rm", "-e", "A=1", "-d", "app"), "mount");
  assert.equal(kind("run", "-itd", "app"), "mount");
  assert.equal(kind("run", "--detach", "app"), "mount");
});

test("arguments arrive as they are, through a link as well", () => {
  const args = ["images", "", "a b", "$HOME", "*", "'"];
  assert.deepEqual(surroundings(args).args, args);
  const link = join(folder, "link");
  symlinkSync("bin/tsbuild", link);
  assert.deepEqual(surroundings(args, { path: link }).args, args);
});

test("Node never sees NODE_EXTRA_CA_CERTS", () => {
  const { ca, nodeCa } = surroundings(["version"], { env: { NODE_EXTRA_CA_CERTS: "/x y.pem" } });
  assert.deepEqual([ca, nodeCa], ["/x y.pem", undefined]);
});

test("standard input reaches a program in a pid namespace", () => {
  const { stdout } = spawnSync(launcher, ["build", "stdin"], { input: "hello", encoding: "utf8" });
  assert.equal(stdout, "hello");
});

/** Starts a waiting program in a process group of its own. */
async function startWaiting(): Promise<{
  readonly child: ChildProcess;
  readonly output: () => string;
  readonly exit: Promise<readonly [number | null, string | null]>;
}> {
  const child = spawn(launcher, ["build", "wait"], { detached: true, stdio: ["ignore", "pipe", "inherit"] });
  let text = "";
  const exit = new Promise<readonly [number | null, string | null]>((resolve) =>
    child.on("close", (code, signal) => resolve([code, signal])),
  );
  await new Promise<void>((resolve) => {
    child.stdout.on("data", (data) => {
      text += String(data);
      if (text.includes("ready")) resolve();
    });
  });
  return { child, output: () => text, exit };
}

function pidOf(child: ChildProcess): number {
  assert.ok(child.pid !== undefined);
  return child.pid;
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1"] as const) {
  test(`${signal} to the launcher alone reaches the program once, and its exit code comes back`, async () => {
    const { child, output, exit } = await startWaiting();
    process.kill(pidOf(child), signal);
    assert.deepEqual(await exit, [42, null]);
    assert.equal(output().split(signal).length - 1, 1);
  });
}

test("Ctrl-C, which a terminal sends to the whole group, ends with the program's exit code", async () => {
  const { child, exit } = await startWaiting();
  process.kill(-pidOf(child), "SIGINT");
  assert.deepEqual(await exit, [42, null]);
});

test("kill -9 of the launcher takes everything with it", async () => {
  const { child, exit } = await startWaiting();
  const pid = pidOf(child);
  const descendants = descendantsOf(pid);
  assert.ok(descendants.length >= 3, "unshare, node and what node started");
  process.kill(pid, "SIGKILL");
  assert.deepEqual(await exit, [null, "SIGKILL"]);
  await untilGone(descendants);
});

test("a signal before the program has its handlers ends it all the same", async () => {
  for (const delayMs of [5, 15, 25]) {
    const child = spawn(launcher, ["build", "wait"], { detached: true, stdio: "ignore" });
    const exit = new Promise<number>((resolve) => child.on("close", (code, signal) => resolve(code ?? (signal === "SIGTERM" ? 143 : 0))));
    await new Promise((resolve) => setTimeout(resolve, delayMs));
    process.kill(pidOf(child), "SIGTERM");
    assert.ok([143, 42].includes(await exit));
  }
});

function descendantsOf(pid: number): readonly number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "latin1")
    .trim()
    .split(" ")
    .filter((text) => text !== "")
    .map(Number);
  return children.flatMap((child) => [child, ...descendantsOf(child)]);
}

/** The kernel takes down one after the other; nothing may be left after two seconds. */
async function untilGone(pids: readonly number[]): Promise<void> {
  const deadline = performance.now() + 2000;
  while (pids.some(isRunning) && performance.now() < deadline) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(pids.filter(isRunning), []);
}

/** A zombie whose parent hasn't looked yet has ended. */
function isRunning(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) [ZX]/.test(readFileSync(`/proc/${pid}/stat`, "latin1"));
  } catch (error) {
    if (isErrno(error, "ENOENT", "ESRCH")) return false;
    throw error;
  }
}
