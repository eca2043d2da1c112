/** Resource limits of the process itself (setrlimit(2)). */
import { TsbuildError } from "../base/errors.js";
import type { HostFacts } from "./host.js";
import type { Ulimit } from "./types.js";

export interface Rlimit {
  readonly type: string;
  readonly soft: number;
  readonly hard: number;
}

/** RLIM_INFINITY as the runtimes read it from JSON: 2^64 - 1. A JavaScript number can't hold it, see `jsonOf` in spec.ts. */
export const UNLIMITED = -1;

/** As on a system with systemd 240 or later: few by default, as many as select(2) takes, and room to ask for more. */
const OPEN_FILES = { soft: 1024, hard: 524_288 };

const NAMES = new Set([
  "as",
  "core",
  "cpu",
  "data",
  "fsize",
  "locks",
  "memlock",
  "msgqueue",
  "nice",
  "nofile",
  "nproc",
  "rss",
  "rtprio",
  "rttime",
  "sigpending",
  "stack",
]);

/**
 * The user's limits over the defaults: no core files (the host's core_pattern may pipe them anywhere), and open files
 * within what the host allows.
 * @throws {TsbuildError} ULIMIT_UNKNOWN, ULIMIT_INVALID, ULIMIT_TOO_HIGH
 */
export function rlimitsOf(ulimits: readonly Ulimit[], host: Pick<HostFacts, "hardLimits" | "boundingCapabilities">): readonly Rlimit[] {
  const limits = new Map<string, Ulimit>();
  limits.set("core", { name: "core", soft: 0, hard: 0 });
  limits.set("nofile", defaultOpenFiles(host.hardLimits.get("nofile") ?? UNLIMITED));
  for (const ulimit of ulimits) limits.set(ulimit.name, checked(ulimit, host));
  return [...limits.values()].map(({ name, soft, hard }) => ({ type: `RLIMIT_${name.toUpperCase()}`, soft, hard }));
}

function defaultOpenFiles(hostHard: number): Ulimit {
  const hard = hostHard === UNLIMITED ? OPEN_FILES.hard : Math.min(hostHard, OPEN_FILES.hard);
  return { name: "nofile", soft: Math.min(OPEN_FILES.soft, hard), hard };
}

function checked(ulimit: Ulimit, host: Pick<HostFacts, "hardLimits" | "boundingCapabilities">): Ulimit {
  const { name, soft, hard } = ulimit;
  if (!NAMES.has(name))
    throw new TsbuildError("ULIMIT_UNKNOWN", `unknown ulimit "${name}"`, { hint: `known are ${[...NAMES].join(", ")}` });
  if (exceeds(soft, hard))
    throw new TsbuildError("ULIMIT_INVALID", `ulimit ${name}: the soft limit ${shown(soft)} is above the hard limit ${shown(hard)}`);
  const hostHard = host.hardLimits.get(name) ?? UNLIMITED;
  if (exceeds(hard, hostHard) && !host.boundingCapabilities.includes("CAP_SYS_RESOURCE")) {
    throw new TsbuildError("ULIMIT_TOO_HIGH", `ulimit ${name}=${shown(hard)} is above this host's hard limit ${shown(hostHard)}`, {
      hint: "ask for less, or start tsbuild with a higher hard limit",
    });
  }
  return ulimit;
}

function exceeds(value: number, bound: number): boolean {
  return bound !== UNLIMITED && (value === UNLIMITED || value > bound);
}

function shown(value: number): string {
  return value === UNLIMITED ? "unlimited" : String(value);
}
