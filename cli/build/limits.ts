import { TsbuildError } from "../../base/errors.js";
import type { ExecLimits } from "../../llb/op.js";
import { csvAttributes } from "../values/csv.js";
import { parseCount, parseSize } from "../values/numbers.js";
import type { LimitFlags } from "./flags.js";

const CPU_PERIOD_MICROS = 100_000;
const ULIMIT = /^([a-z]+)=(-1|\d+)(?::(-1|\d+))?$/;
const NUMBER_LIST = /^\d+(?:-\d+)?(?:,\d+(?:-\d+)?)*$/;

/**
 * What RUN steps may use, from the flags. What isn't given isn't limited.
 * @throws {TsbuildError} USAGE
 */
export function parseLimits(flags: LimitFlags): ExecLimits {
  return {
    memoryBytes: read(flags.memory, (text) => parseSize("--memory", text)),
    memorySwapBytes: read(flags.memorySwap, (text) => (text === "-1" ? -1 : parseSize("--memory-swap", text))),
    ...cpuTime(flags),
    cpuShares: read(flags.cpuShares, (text) => parseCount("--cpu-shares", text, 2)),
    cpusetCpus: read(flags.cpusetCpus, (text) => parseList("--cpuset-cpus", text, "CPUs")),
    cpusetMems: read(flags.cpusetMems, (text) => parseList("--cpuset-mems", text, "memory nodes")),
    pids: read(flags.pidsLimit, (text) => parseCount("--pids-limit", text, 1)),
    shmSizeBytes: read(flags.shmSize, (text) => parseSize("--shm-size", text)),
    ulimits: flags.ulimit.length === 0 ? undefined : flags.ulimit.map(parseUlimit),
    cgroupParent: flags.cgroupParent,
  };
}

const RESOURCES: Readonly<Record<string, Exclude<keyof LimitFlags, "ulimit">>> = {
  memory: "memory",
  "memory-swap": "memorySwap",
  cpus: "cpus",
  "cpu-period": "cpuPeriod",
  "cpu-quota": "cpuQuota",
  "cpu-shares": "cpuShares",
  "cpuset-cpus": "cpusetCpus",
  "cpuset-mems": "cpusetMems",
  pids: "pidsLimit",
};

/** The limits with those of --resource flags, buildx's way to give them. @throws {TsbuildError} USAGE */
export function withResources(limits: LimitFlags, texts: readonly string[]): LimitFlags {
  const given = texts.flatMap((text) => [...csvAttributes("--resource", text)]);
  return given.reduce((known, [name, value]) => {
    const flag = RESOURCES[name];
    if (flag !== undefined) return { ...known, [flag]: value };
    throw new TsbuildError("USAGE", `--resource has no "${name}"`, { hint: `it has ${Object.keys(RESOURCES).join(", ")}` });
  }, limits);
}

function cpuTime(flags: LimitFlags): Pick<ExecLimits, "cpuPeriodMicros" | "cpuQuotaMicros"> {
  if (flags.cpus !== undefined) {
    const cpus = Number(flags.cpus);
    if (!/^\d*\.?\d+$/.test(flags.cpus) || !(cpus >= 0.01))
      throw new TsbuildError("USAGE", `--cpus: "${flags.cpus}" is not a number of CPUs`, { hint: "for example --cpus 1.5" });
    if (flags.cpuQuota !== undefined || flags.cpuPeriod !== undefined)
      throw new TsbuildError("USAGE", "--cpus can't be combined with --cpu-quota or --cpu-period");
    return { cpuPeriodMicros: CPU_PERIOD_MICROS, cpuQuotaMicros: Math.round(cpus * CPU_PERIOD_MICROS) };
  }
  return {
    cpuPeriodMicros: read(flags.cpuPeriod, (text) => parseCount("--cpu-period", text, 1000)),
    cpuQuotaMicros: read(flags.cpuQuota, (text) => parseCount("--cpu-quota", text, 1000)),
  };
}

function parseList(flag: string, text: string, what: string): string {
  if (NUMBER_LIST.test(text)) return text;
  throw new TsbuildError("USAGE", `${flag}: "${text}" is not a list of ${what}`, { hint: "for example 0-2,4" });
}

/** `nofile=1024` becomes `nofile=1024:1024`. */
function parseUlimit(text: string): string {
  const [, name, soft, hard = soft] = ULIMIT.exec(text) ?? [];
  if (name === undefined || soft === undefined) {
    throw new TsbuildError("USAGE", `--ulimit: "${text}" is not of the form NAME=SOFT[:HARD]`, { hint: "for example nofile=1024:2048" });
  }
  const isOrdered = hard === "-1" || (soft !== "-1" && Number(soft) <= Number(hard));
  if (!isOrdered) throw new TsbuildError("USAGE", `--ulimit ${text}: the soft limit is above the hard one`);
  return `${name}=${soft}:${hard}`;
}

function read<V>(text: string | undefined, parse: (text: string) => V): V | undefined {
  return text === undefined ? undefined : parse(text);
}
