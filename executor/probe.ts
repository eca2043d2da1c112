/** What this machine can do for running processes, for `doctor`: each part with what to do when it can't. Cheap to import. */
import { existsSync, readFileSync } from "node:fs";
import { isKernelAtLeast, readHostFacts } from "./host.js";
import { isPrivateMountNamespace } from "./mount-namespace.js";
import { findProgram, findRuntime } from "./runtime.js";
import { messageOf } from "../base/errors.js";

export interface ProbeItem {
  readonly name: string;
  readonly ok: boolean;
  /** Nothing runs without it; otherwise a part of what tsbuild does is missing. */
  readonly isRequired: boolean;
  /** What was found. */
  readonly found: string;
  /** What to do about it, when not ok. */
  readonly advice?: string | undefined;
}

export type ProbeReport = readonly ProbeItem[];

/** Looks without changing anything. Never rejects: what can't be looked at is not ok. */
export async function probe(): Promise<ProbeReport> {
  const looks: readonly (() => ProbeItem | Promise<ProbeItem>)[] = [
    rights,
    runtime,
    overlay,
    cgroups,
    kernelFeatures,
    seccomp,
    ...PROGRAMS.map((program) => () => probeProgram(program)),
    init,
    forwarding,
  ];
  return Promise.all(looks.map(guarded));
}

async function guarded(look: () => ProbeItem | Promise<ProbeItem>): Promise<ProbeItem> {
  try {
    return await look();
  } catch (error) {
    return {
      name: look.name === "" ? "programs" : look.name,
      ok: false,
      isRequired: false,
      found: messageOf(error),
      advice: "this could not be looked at; the message says why",
    };
  }
}

function item(
  name: string,
  ok: boolean,
  { found, advice, isRequired = true }: { readonly found: string; readonly advice: string; readonly isRequired?: boolean },
): ProbeItem {
  return ok ? { name, ok, isRequired, found } : { name, ok, isRequired, found, advice };
}

function rights(): ProbeItem {
  const { boundingCapabilities } = readHostFacts();
  const isRoot = process.getuid?.() === 0;
  const missing = ["CAP_SYS_ADMIN", "CAP_NET_ADMIN", "CAP_CHOWN", "CAP_MKNOD"].filter((name) => !boundingCapabilities.includes(name));
  const found = !isRoot ? `user ${process.getuid?.() ?? "unknown"}` : missing.length === 0 ? "root" : `root without ${missing.join(", ")}`;
  return item("rights", isRoot && missing.length === 0, { found, advice: "run tsbuild as root" });
}

function runtime(): ProbeItem {
  try {
    const { path } = findRuntime();
    return item("runtime", true, { found: path, advice: "" });
  } catch (error) {
    return item("runtime", false, { found: messageOf(error), advice: "apt install crun" });
  }
}

function overlay(): ProbeItem {
  const has =
    readFileSync("/proc/filesystems", "latin1")
      .split("\n")
      .some((line) => line.endsWith("\toverlay")) || existsSync("/sys/module/overlay");
  return item("overlay", has, { found: has ? "overlayfs" : "not loaded", advice: "modprobe overlay" });
}

function cgroups(): ProbeItem {
  const { mode, controllers } = readHostFacts().cgroup;
  const missing = ["memory", "cpu", "cpuset", "pids"].filter((name) => !controllers.includes(name));
  const isPrivate = mode !== "hybrid" || isPrivateMountNamespace();
  const found = `version ${mode === "unified" ? "2" : mode === "legacy" ? "1" : "1 and 2"}${missing.length === 0 ? "" : `, without ${missing.join(", ")}`}`;
  const advice = isPrivate
    ? "boot with the missing controllers (cgroup_enable=memory); limits on them are refused until then"
    : "start tsbuild by its launcher: crun needs a view with one cgroup version";
  return item("cgroups", missing.length === 0 && isPrivate, { found, advice, isRequired: false });
}

const OLDEST = { major: 5, minor: 6 } as const;

/** openat2 came with 5.6. */
function kernelFeatures(): ProbeItem {
  const release = readFileSync("/proc/sys/kernel/osrelease", "latin1").trim();
  const later = [
    [5, 12, "recursive read-only binds"],
    [5, 14, "cgroup.kill"],
    [6, 5, "long overlay stacks"],
  ] as const;
  const missing = later.flatMap(([major, minor, what]) => (isKernelAtLeast(release, major, minor) ? [] : [what]));
  return item("kernel", isKernelAtLeast(release, OLDEST.major, OLDEST.minor), {
    found: `Linux ${release}${missing.length === 0 ? "" : `, without ${missing.join(", ")}`}`,
    advice: `Linux ${OLDEST.major}.${OLDEST.minor} or later is needed`,
  });
}

function seccomp(): ProbeItem {
  const has = /^Seccomp_filters:|^Seccomp:/m.test(readFileSync("/proc/self/status", "latin1"));
  return item("seccomp", has, { found: has ? "available" : "not in this kernel", advice: "use a kernel with CONFIG_SECCOMP_FILTER" });
}

interface ProbedProgram {
  readonly program: string;
  readonly package: string;
  readonly purpose: string;
  readonly isRequired?: boolean | undefined;
}

const PROGRAMS: readonly ProbedProgram[] = [
  { program: "ip", package: "iproute2", purpose: "networks" },
  { program: "nft", package: "nftables", purpose: "networks" },
  { program: "unshare", package: "util-linux", purpose: "namespaces", isRequired: true },
  { program: "setpriv", package: "util-linux", purpose: "builds and containers that end with tsbuild", isRequired: true },
  { program: "conmon", package: "conmon", purpose: "containers in the background" },
  { program: "script", package: "bsdutils", purpose: "terminals without one here" },
];

function probeProgram({ program, package: name, purpose, isRequired = false }: ProbedProgram): ProbeItem {
  const path = findProgram(program);
  return item(program, path !== undefined, {
    found: path ?? `missing: needed for ${purpose}`,
    advice: `apt install ${name}`,
    isRequired,
  });
}

async function init(): Promise<ProbeItem> {
  const { findInit } = await import("./init.js");
  try {
    return item("init", true, { found: findInit(), advice: "", isRequired: false });
  } catch {
    return item("init", false, {
      found: "no static init program: needed for run --init",
      advice: "apt install catatonit",
      isRequired: false,
    });
  }
}

/** Others' packet filters that tsbuild will have to open. */
async function forwarding(): Promise<ProbeItem> {
  if (findProgram("nft") === undefined)
    return item("forwarding", false, { found: "unknown: nft is missing", advice: "apt install nftables", isRequired: false });
  const { droppingChains, hasLegacyTables } = await import("./network/foreign.js");
  const chains = (await droppingChains()).map(({ family, table, chain }) => `${family} ${table} ${chain}`);
  if (hasLegacyTables()) {
    return item("forwarding", false, {
      found: "the older iptables is in use, which tsbuild can't see into",
      advice: "if containers have no network: iptables-legacy -I FORWARD -i tsbuild0 -j ACCEPT, and the same with -o",
      isRequired: false,
    });
  }
  return item("forwarding", true, {
    found: chains.length === 0 ? "nobody drops" : `${chains.join(", ")} drops; tsbuild adds its exception there while containers run`,
    advice: "",
    isRequired: false,
  });
}
