import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { RunRequest } from "../../worker/containers/types.js";
import { parseEnvironment, parseLabels } from "./environment.js";
import { parseRunFlags } from "./flags.js";
import { runRequest } from "./request.js";
import { parseDevice } from "./security.js";

function request(args: readonly string[], env: Readonly<Record<string, string>> = {}): RunRequest {
  const flags = parseRunFlags([...args, "app"]);
  if (typeof flags === "string") throw new Error("help was not asked for");
  return runRequest(flags, { cwd: "/here", env });
}

test("variables of files come first; a name alone is the caller's, or takes the image's away", () => {
  const folder = mkdtempSync(join(tmpdir(), "environment-"));
  try {
    writeFileSync(join(folder, "list"), "# comment\nA=file value\n\n  B\nMISSING\nEMPTY=\r\n");
    const caller = { cwd: folder, env: { B: "caller's", D: "d" } };
    assert.deepEqual(parseEnvironment(["A=1", "D", "GONE"], ["list"], caller), [
      "A=file value",
      "B=caller's",
      "EMPTY=",
      "A=1",
      "D=d",
      "GONE",
    ]);
    assert.deepEqual([...parseLabels(["A=flag", "x"], ["list"], caller)].slice(0, 2), [
      ["A", "flag"],
      ["B", ""],
    ]);
    assert.throws(() => parseEnvironment([], ["none"], caller), { code: "USAGE", message: /none can't be read/ });
    assert.throws(() => parseEnvironment(["=x"], [], caller), { code: "USAGE" });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("an empty entrypoint removes the image's, none leaves it", () => {
  assert.deepEqual(
    [request(["--entrypoint", ""]).entrypoint, request(["--entrypoint", "a b"]).entrypoint, request([]).entrypoint],
    [[], ["a b"], undefined],
  );
});

test("ports are published on the loopback address unless the environment says otherwise", () => {
  const addressOf = (env: Readonly<Record<string, string>>): string | undefined => request(["-p", "80:80"], env).network.ports[0]?.hostIp;
  assert.deepEqual([addressOf({}), addressOf({ TSBUILD_PUBLISH: "0.0.0.0" })], ["127.0.0.1", "0.0.0.0"]);
  assert.throws(() => addressOf({ TSBUILD_PUBLISH: "everywhere" }), { code: "USAGE", message: /everywhere/ });
});

test("limits are numbers in the units of the kernel", () => {
  const { resources } = request([
    "-m",
    "64m",
    "--memory-swap",
    "-1",
    "--cpus",
    "0.5",
    "--pids-limit",
    "20",
    "--ulimit",
    "nofile=10:20",
    "--oom-score-adj",
    "-5",
    "--shm-size",
    "1m",
  ]);
  assert.deepEqual(
    { ...resources, ulimits: undefined },
    {
      memoryBytes: 67108864,
      memorySwapBytes: -1,
      cpuPeriodMicros: 100000,
      cpuQuotaMicros: 50000,
      cpuShares: undefined,
      cpusetCpus: undefined,
      cpusetMems: undefined,
      pids: 20,
      shmSizeBytes: 1048576,
      oomScoreAdj: -5,
      ulimits: undefined,
    },
  );
  assert.deepEqual(resources.ulimits, [{ name: "nofile", soft: 10, hard: 20 }]);
  assert.equal(request(["--pids-limit", "-1"]).resources.pids, undefined);
  assert.throws(() => request(["-m", "1m"]), { message: /6MB/ });
});

test("security options that are not known are refused, never ignored", () => {
  assert.equal(request(["--security-opt", "seccomp=unconfined"]).security.seccomp, "unconfined");
  assert.equal(request(["--security-opt", "no-new-privileges"]).security.noNewPrivileges, true);
  assert.equal(request(["--security-opt", "no-new-privileges:false"]).security.noNewPrivileges, false);
  for (const option of ["apparmor=x", "seccomp=/p.json", "label=disable"])
    assert.throws(() => request(["--security-opt", option]), { code: "UNSUPPORTED" }, option);
});

test("a stop signal may be a name or a number", () => {
  assert.deepEqual(
    ["USR1", "SIGQUIT", "2"].map((text) => request(["--stop-signal", text]).stopSignal),
    ["SIGUSR1", "SIGQUIT", "SIGINT"],
  );
  assert.throws(() => request(["--stop-signal", "NOPE"]), { code: "USAGE" });
});

test("only settings of the container's own namespaces can be made", () => {
  assert.deepEqual({ ...request(["--sysctl", "net.core.somaxconn=5"]).sysctls }, { "net.core.somaxconn": "5" });
  assert.throws(() => request(["--sysctl", "vm.swappiness=1"]), { code: "USAGE" });
  assert.throws(() => request(["--network", "host", "--sysctl", "net.core.somaxconn=5"]), { code: "USAGE" });
});

test("names of the host and the network's modes are checked", () => {
  assert.throws(() => request(["--hostname", "a b"]), { code: "USAGE" });
  assert.throws(() => request(["--uts", "host", "--hostname", "a"]), { message: /conflicting options/ });
  assert.throws(() => request(["--network", "mine"]), { code: "UNSUPPORTED" });
  assert.throws(() => request(["--dns", "x"]), { code: "USAGE" });
});

test("--device is a path, a target and an access", () => {
  assert.deepEqual(parseDevice("/dev/a"), { hostPath: "/dev/a", target: "/dev/a", access: "rwm" });
  assert.deepEqual(parseDevice("/dev/a:r"), { hostPath: "/dev/a", target: "/dev/a", access: "r" });
  assert.deepEqual(parseDevice("/dev/a:/dev/b:rw"), { hostPath: "/dev/a", target: "/dev/b", access: "rw" });
  assert.throws(() => parseDevice("a"), { code: "USAGE" });
});
