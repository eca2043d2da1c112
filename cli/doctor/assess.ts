import { checkNode, hasCapability } from "../requirements.js";
import type { MachineFacts } from "./facts.js";

/** One thing that was looked at. `missing` stops tsbuild, `limited` only takes something away. */
export interface Finding {
  readonly state: "ok" | "limited" | "missing";
  readonly topic: string;
  readonly text: string;
}

const CAP_SYS_ADMIN = 21n;
const OLDEST_KERNEL = [5, 6] as const;
const LITTLE_SPACE_BYTES = 2e9;

/** What the facts mean for tsbuild. */
export function assess(facts: MachineFacts): readonly Finding[] {
  return [node(facts), kernel(facts), privilege(facts), overlay(facts), runtime(facts), ...programs(facts), cgroup(facts), space(facts)];
}

function node({ nodeVersion }: MachineFacts): Finding {
  try {
    checkNode(nodeVersion);
    return { state: "ok", topic: "node", text: nodeVersion };
  } catch {
    return { state: "missing", topic: "node", text: `${nodeVersion}, and 20.18 or newer is needed` };
  }
}

/** openat2 came with 5.6. */
function kernel({ kernelRelease }: MachineFacts): Finding {
  const [major = 0, minor = 0] = kernelRelease.split(/[.-]/).map(Number);
  const isNewEnough = major > OLDEST_KERNEL[0] || (major === OLDEST_KERNEL[0] && minor >= OLDEST_KERNEL[1]);
  return isNewEnough
    ? { state: "ok", topic: "kernel", text: kernelRelease }
    : { state: "missing", topic: "kernel", text: `${kernelRelease}, and ${OLDEST_KERNEL.join(".")} or newer is needed` };
}

function privilege({ isRoot, processStatus }: MachineFacts): Finding {
  const topic = "privilege";
  if (!isRoot) return { state: "missing", topic, text: "not root: run it with sudo (running without root is not supported yet)" };
  if (hasCapability(processStatus, CAP_SYS_ADMIN)) return { state: "ok", topic, text: "root" };
  return { state: "missing", topic, text: "root without CAP_SYS_ADMIN: probably in a container that may not mount" };
}

function overlay({ filesystems }: MachineFacts): Finding {
  if (/\toverlay$/m.test(filesystems)) return { state: "ok", topic: "overlay", text: "known to the kernel" };
  return { state: "limited", topic: "overlay", text: "not loaded yet: if builds fail to mount, try modprobe overlay" };
}

function runtime({ programs: found }: MachineFacts): Finding {
  const [name, path] = [...found].find(([program]) => program === "crun" || program === "runc") ?? [];
  if (name === undefined) return { state: "missing", topic: "runtime", text: "neither crun nor runc: apt-get install crun" };
  return { state: "ok", topic: "runtime", text: `${name} (${path})` };
}

const PURPOSES: readonly (readonly [program: string, state: "limited" | "missing", purpose: string])[] = [
  ["unshare", "missing", "nothing works without it: apt-get install util-linux"],
  ["setpriv", "missing", "build and run need it: apt-get install util-linux"],
  ["ip", "limited", "steps and containers have no network without it: apt-get install iproute2"],
  ["nft", "limited", "steps and containers have no network without it: apt-get install nftables"],
  ["conmon", "limited", "containers can't run detached without it: apt-get install conmon"],
];

function programs({ programs: found }: MachineFacts): readonly Finding[] {
  return PURPOSES.map(([topic, state, purpose]) => {
    const path = found.get(topic);
    return path === undefined ? { state, topic, text: `missing; ${purpose}` } : { state: "ok", topic, text: path };
  });
}

function cgroup({ cgroup: kind }: MachineFacts): Finding {
  if (kind === "none")
    return { state: "limited", topic: "cgroups", text: "not mounted: limits of memory, CPUs and processes can't be set" };
  return { state: "ok", topic: "cgroups", text: kind === "hybrid" ? "v1, with v2 beside it" : kind };
}

function space({ root, freeBytes }: MachineFacts): Finding {
  const text = `${(freeBytes / 1e9).toFixed(1)} GB free for ${root}`;
  return { state: freeBytes < LITTLE_SPACE_BYTES ? "limited" : "ok", topic: "space", text };
}
