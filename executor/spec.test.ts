import assert from "node:assert/strict";
import { test } from "node:test";
import { TsbuildError } from "../base/errors.js";
import { ALL_CAPABILITIES } from "./capabilities.js";
import type { HostFacts } from "./host.js";
import type { SpecInputs } from "./spec.js";
import { ociSpec, specJson } from "./spec.js";
import type { ProcessSpec } from "./types.js";

const HOST: HostFacts = {
  architecture: "amd64",
  cgroup: { mode: "unified", controllers: ["memory", "cpu", "cpuset", "pids"], hasSwapLimit: true },
  hardLimits: new Map([
    ["nofile", 20_000],
    ["core", 0],
  ]),
  boundingCapabilities: ALL_CAPABILITIES.filter((name) => name !== "CAP_SYS_RESOURCE"),
  hasRecursiveReadonly: true,
};

const SPEC: ProcessSpec = {
  id: "test-spec",
  stateDir: "/state",
  rootfs: "/root/fs",
  args: ["sh"],
  env: ["A=b"],
  cwd: "/",
  user: "",
  mounts: [],
  network: { type: "none" },
  security: { capAdd: [], capDrop: [], privileged: false, seccomp: "default", noNewPrivileges: false, readonlyRootfs: false },
  resources: {},
  init: false,
  terminal: false,
};

const INPUTS: SpecInputs = {
  user: { uid: 0, gid: 0, additionalGids: [0], home: "/root" },
  files: { folders: new Set(["/host/folder"]) },
  devices: [],
  cgroupsPath: "/tsbuild/test-spec/c",
};

interface Shape {
  readonly process: {
    readonly args: readonly string[];
    readonly env: readonly string[];
    readonly cwd: string;
    readonly capabilities: Readonly<Record<string, readonly string[]>>;
    readonly rlimits: readonly object[];
    readonly oomScoreAdj?: number;
  };
  readonly mounts: readonly { readonly destination: string; readonly source: string; readonly options: readonly string[] }[];
  readonly linux: {
    readonly namespaces: readonly object[];
    readonly maskedPaths?: readonly string[];
    readonly seccomp?: object;
    readonly resources: Readonly<Record<string, unknown>>;
    readonly rootfsPropagation?: string;
    readonly sysctl?: object;
  };
  readonly hostname?: string;
}

function specOf(changes: Partial<ProcessSpec> = {}, inputs: Partial<SpecInputs> = {}): Shape {
  return JSON.parse(specJson(ociSpec({ ...SPEC, ...changes }, HOST, { ...INPUTS, ...inputs }))) as Shape;
}

const code =
  (wanted: string) =>
  (error: unknown): boolean =>
    error instanceof TsbuildError && error.code === wanted;
const mountAt = (shape: Shape, destination: string): Shape["mounts"][number] | undefined =>
  shape.mounts.find((mount) => mount.destination === destination);

test("a plain process has the six namespaces, a filter and masked paths", () => {
  const { linux } = specOf();
  assert.deepEqual(
    linux.namespaces,
    ["mount", "cgroup", "pid", "ipc", "uts", "network"].map((type) => ({ type })),
  );
  assert.ok(linux.seccomp !== undefined && linux.maskedPaths?.includes("/proc/kcore"));
});

test("inheritable and ambient capabilities are empty, whoever it runs as", () => {
  const root = specOf().process.capabilities;
  const other = specOf({}, { user: { uid: 5, gid: 5, additionalGids: [5], home: "/" } }).process.capabilities;
  assert.deepEqual([root["inheritable"], root["ambient"], root["bounding"]?.length, root["effective"]?.length], [[], [], 14, 14]);
  assert.deepEqual([other["bounding"]?.length, other["effective"], other["permitted"], other["ambient"]], [14, [], [], []]);
});

test("privileged lifts the filter, the masks and the device rules, and takes what the host has", () => {
  const shape = specOf({ security: { ...SPEC.security, privileged: true } });
  assert.equal(shape.linux.seccomp, undefined);
  assert.equal(shape.linux.maskedPaths, undefined);
  assert.deepEqual(shape.linux.resources["devices"], [{ allow: true, access: "rwm" }]);
  assert.equal(shape.process.capabilities["effective"]?.includes("CAP_SYS_RESOURCE"), false);
  assert.ok(mountAt(shape, "/sys")?.options.includes("rw"));
});

test("networks: none is new, host is none, a path is joined; low ports are free where it is one's own", () => {
  assert.deepEqual(specOf({ network: { type: "namespace", path: "/ns" } }).linux.namespaces.at(-1), { type: "network", path: "/ns" });
  const host = specOf({ network: { type: "host" } });
  assert.equal(host.linux.namespaces.length, 5);
  assert.equal(host.linux.sysctl, undefined);
  assert.deepEqual(specOf().linux.sysctl, { "net.ipv4.ip_unprivileged_port_start": "0", "net.ipv4.ping_group_range": "0 2147483647" });
});

test("shared namespaces are left out or joined", () => {
  const shape = specOf({
    hostname: "me",
    sharedNamespaces: { ipc: { type: "host" }, uts: { type: "host" }, pid: { type: "path", path: "/proc/9/ns/pid" } },
  });
  assert.deepEqual(shape.linux.namespaces.slice(2), [{ type: "pid", path: "/proc/9/ns/pid" }, { type: "network" }]);
  assert.equal(shape.hostname, undefined);
  assert.equal(mountAt(shape, "/dev/shm")?.source, "/dev/shm");
});

test("open files are within the host's limit, core files off", () => {
  assert.deepEqual(specOf().process.rlimits, [
    { type: "RLIMIT_CORE", soft: 0, hard: 0 },
    { type: "RLIMIT_NOFILE", soft: 1024, hard: 20_000 },
  ]);
});

test("a ulimit above the host's hard limit is an error, not a clamp", () => {
  const ulimits = (name: string, soft: number, hard: number): Partial<ProcessSpec> => ({ resources: { ulimits: [{ name, soft, hard }] } });
  assert.throws(() => specOf(ulimits("nofile", 1, 30_000)), code("ULIMIT_TOO_HIGH"));
  assert.throws(() => specOf(ulimits("core", -1, -1)), code("ULIMIT_TOO_HIGH"));
  assert.throws(() => specOf(ulimits("nofile", 10, 5)), code("ULIMIT_INVALID"));
  assert.throws(() => specOf(ulimits("wings", 1, 1)), code("ULIMIT_UNKNOWN"));
  assert.deepEqual(specOf(ulimits("nofile", 5, 9)).process.rlimits[1], { type: "RLIMIT_NOFILE", soft: 5, hard: 9 });
});

test("unlimited is 2^64-1 to the last digit", () => {
  assert.match(
    specJson(ociSpec({ ...SPEC, resources: { ulimits: [{ name: "memlock", soft: -1, hard: -1 }] } }, HOST, INPUTS)),
    /"soft":18446744073709551615,"hard":18446744073709551615/,
  );
});

test("memory brings as much swap again, unless said otherwise", () => {
  const memory = (resources: ProcessSpec["resources"]): unknown => specOf({ resources }).linux.resources["memory"];
  assert.deepEqual(memory({ memoryBytes: 100 }), { limit: 100, swap: 200 });
  assert.deepEqual(memory({ memoryBytes: 100, memorySwapBytes: 100 }), { limit: 100, swap: 100 });
  assert.deepEqual(memory({ memoryBytes: 100, memorySwapBytes: -1 }), { limit: 100, swap: -1 });
  assert.throws(() => specOf({ resources: { memorySwapBytes: 5 } }), code("RESOURCE_INVALID"));
});

test("a limit without its controller is an error", () => {
  const host: HostFacts = { ...HOST, cgroup: { mode: "legacy", controllers: ["cpu"], hasSwapLimit: false } };
  assert.throws(() => ociSpec({ ...SPEC, resources: { pids: 5 } }, host, INPUTS), code("RESOURCE_UNAVAILABLE"));
  assert.throws(() => ociSpec({ ...SPEC, resources: { memoryBytes: 5 } }, host, INPUTS), code("RESOURCE_UNAVAILABLE"));
  assert.doesNotThrow(() => ociSpec({ ...SPEC, resources: { cpuShares: 5 } }, host, INPUTS));
});

test("doors to other processes' files are no working directory", () => {
  for (const cwd of ["/proc/self/fd/8", "/proc/1/root/etc", "/dev/fd/3", "/x/../proc/self/cwd", "/proc/12/task/13/cwd"])
    assert.throws(() => specOf({ cwd }), code("CWD_FORBIDDEN"), cwd);
  assert.equal(specOf({ cwd: "work//here/" }).process.cwd, "/work/here");
  assert.equal(specOf({ cwd: "/proc/sys" }).process.cwd, "/proc/sys");
});

test("HOME is the user's, unless it is set", () => {
  assert.deepEqual(specOf().process.env, ["A=b", "HOME=/root"]);
  assert.deepEqual(specOf({ env: ["HOME=/x"] }).process.env, ["HOME=/x"]);
});

test("no command, and a NUL in one, are errors", () => {
  assert.throws(() => specOf({ args: [] }), code("COMMAND_MISSING"));
  assert.throws(() => specOf({ args: ["a\0b"] }), code("ARGUMENT_INVALID"));
});

test("binds: read-only goes deep for folders, propagation reaches the root", () => {
  const shape = specOf({
    mounts: [
      { type: "bind", source: "/host/folder", target: "/a", readonly: true },
      { type: "bind", source: "/host/file", target: "/b", readonly: true, propagation: "rslave" },
      { type: "tmpfs", target: "/c", sizeBytes: 5, mode: 0o700 },
    ],
  });
  assert.deepEqual(mountAt(shape, "/a")?.options, ["rbind", "rprivate", "ro", "rro"]);
  assert.deepEqual(mountAt(shape, "/b")?.options, ["rbind", "rslave", "ro"]);
  assert.deepEqual(mountAt(shape, "/c")?.options, ["nosuid", "nodev", "noexec", "size=5", "mode=700"]);
  assert.equal(shape.linux.rootfsPropagation, "rslave");
});

test("init comes first and leaves the image alone", () => {
  const shape = specOf({ init: true }, { files: { init: "/usr/bin/init", folders: new Set() } });
  assert.deepEqual(shape.process.args, ["/dev/init", "--", "sh"]);
  assert.equal(shape.mounts.at(-1)?.destination, "/dev/init");
});

test("shared memory has 64 MiB, or what is asked for", () => {
  assert.ok(mountAt(specOf(), "/dev/shm")?.options.includes("size=67108864"));
  assert.ok(mountAt(specOf({ resources: { shmSizeBytes: 1000 } }), "/dev/shm")?.options.includes("size=1000"));
});
