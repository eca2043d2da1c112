/** Cgroup limits as linux.resources; the runtime turns them into files of version 1 or 2. */
import { TsbuildError } from "../base/errors.js";
import type { CgroupFacts } from "./host.js";
import type { Resources } from "./types.js";

export interface OciResources {
  readonly memory?: { readonly limit?: number; readonly swap?: number; readonly reservation?: number };
  readonly cpu?: {
    readonly shares?: number;
    readonly quota?: number;
    readonly period?: number;
    readonly cpus?: string;
    readonly mems?: string;
  };
  readonly pids?: { readonly limit: number };
}

const DEFAULT_PERIOD_MICROS = 100_000;

/**
 * Docker's rules: memory without a word about swap gets as much swap again.
 * @throws {TsbuildError} RESOURCE_UNAVAILABLE when this host can't keep a limit; RESOURCE_INVALID
 */
export function ociResources(resources: Resources, cgroup: CgroupFacts): OciResources {
  checkSwap(resources);
  const memory = memoryOf(resources, cgroup);
  const cpu = cpuOf(resources);
  requireControllers(resources, cgroup);
  return {
    ...(memory === undefined ? {} : { memory }),
    ...(cpu === undefined ? {} : { cpu }),
    ...(resources.pids === undefined ? {} : { pids: { limit: resources.pids } }),
  };
}

function memoryOf(resources: Resources, cgroup: CgroupFacts): OciResources["memory"] {
  const { memoryBytes, memorySwapBytes, memoryReservationBytes } = resources;
  const swap = memorySwapBytes ?? (memoryBytes !== undefined && cgroup.hasSwapLimit ? memoryBytes * 2 : undefined);
  const memory = {
    ...(memoryBytes === undefined ? {} : { limit: memoryBytes }),
    ...(swap === undefined ? {} : { swap }),
    ...(memoryReservationBytes === undefined ? {} : { reservation: memoryReservationBytes }),
  };
  return Object.keys(memory).length === 0 ? undefined : memory;
}

function checkSwap({ memoryBytes, memorySwapBytes }: Resources): void {
  if (memorySwapBytes === undefined || memorySwapBytes === -1) return;
  if (memoryBytes === undefined)
    throw new TsbuildError("RESOURCE_INVALID", "a limit on swap needs a limit on memory", { hint: "add --memory" });
  if (memorySwapBytes < memoryBytes) {
    throw new TsbuildError(
      "RESOURCE_INVALID",
      `the limit on memory and swap together (${memorySwapBytes}) is below that on memory (${memoryBytes})`,
    );
  }
}

function cpuOf(resources: Resources): OciResources["cpu"] {
  const { cpuQuotaMicros, cpuPeriodMicros, cpuShares, cpusetCpus, cpusetMems } = resources;
  const period = cpuPeriodMicros ?? (cpuQuotaMicros === undefined ? undefined : DEFAULT_PERIOD_MICROS);
  const cpu = {
    ...(cpuShares === undefined ? {} : { shares: cpuShares }),
    ...(cpuQuotaMicros === undefined ? {} : { quota: cpuQuotaMicros }),
    ...(period === undefined ? {} : { period }),
    ...(cpusetCpus === undefined ? {} : { cpus: cpusetCpus }),
    ...(cpusetMems === undefined ? {} : { mems: cpusetMems }),
  };
  return Object.keys(cpu).length === 0 ? undefined : cpu;
}

const NEEDS: readonly { readonly controller: string; readonly limits: readonly (keyof Resources)[] }[] = [
  { controller: "memory", limits: ["memoryBytes", "memorySwapBytes", "memoryReservationBytes"] },
  { controller: "cpu", limits: ["cpuQuotaMicros", "cpuPeriodMicros", "cpuShares"] },
  { controller: "cpuset", limits: ["cpusetCpus", "cpusetMems"] },
  { controller: "pids", limits: ["pids"] },
];

function requireControllers(resources: Resources, cgroup: CgroupFacts): void {
  for (const { controller, limits } of NEEDS) {
    if (!limits.some((limit) => resources[limit] !== undefined) || cgroup.controllers.includes(controller)) continue;
    throw new TsbuildError("RESOURCE_UNAVAILABLE", `this host has no ${controller} cgroup controller, so the limit can't be kept`, {
      hint: "see `tsbuild doctor`, or leave the limit out",
    });
  }
  if (resources.memorySwapBytes !== undefined && !cgroup.hasSwapLimit) {
    throw new TsbuildError("RESOURCE_UNAVAILABLE", "this kernel doesn't count swap, so a limit on it can't be kept", {
      hint: "boot with swapaccount=1, or leave --memory-swap out",
    });
  }
}
