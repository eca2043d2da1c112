/** Networks of builds and containers. */
import type { CleanupStack } from "../base/cleanup.js";
import type { Json } from "../base/digest.js";
import type { NetworkPool } from "../executor/network/pool.js";
import type { PublishedPort } from "../executor/network/publish.js";
import { loadKernel } from "../sys/kernel.js";

/**
 * Which addresses of the bridge are taken: the bridge is the host's, and so is this, whatever store is used. What
 * lies here is held by locks of living processes.
 */
export const NETWORK_STATE_DIR = "/run/tsbuild/network";

/** The pool of one build: made when the first step wants a network, and ended with the build. */
export function openNetworks(stack: CleanupStack): () => Promise<NetworkPool> {
  let pool: Promise<NetworkPool> | undefined;
  const open = async (): Promise<NetworkPool> => {
    const { NetworkPool: Pool } = await import("../executor/network/pool.js");
    return stack.use(new Pool({ stateDir: NETWORK_STATE_DIR, kernel: loadKernel() }));
  };
  return () => {
    pool ??= open();
    return pool;
  };
}

/** After a process was killed: what it had opened in others' packet filters is closed, unless another one needs it. */
export async function closeAbandonedOpenings(): Promise<void> {
  const { dismissUnused } = await import("../executor/network/pool.js");
  await dismissUnused({ stateDir: NETWORK_STATE_DIR, kernel: loadKernel() });
}

/** What a container's network leaves outside of its namespace, as a lease keeps it. */
export interface NetworkRemains {
  readonly ip: string;
  readonly ports: readonly PublishedPort[];
}

/** Removes what a dead process left. `details` is what `remainsJson` made; anything else came from another version and is left alone. */
export async function removeRemains(details: Json): Promise<void> {
  const remains = remainsFrom(details);
  if (remains === undefined) return;
  const { removeNetwork } = await import("../executor/network/pool.js");
  await removeNetwork({ stateDir: NETWORK_STATE_DIR, kernel: loadKernel(), ...remains });
}

export function remainsJson({ ip, ports }: NetworkRemains): Json {
  return { ip, ports: ports.map(({ hostIp, hostPort, containerPort, protocol }) => ({ hostIp, hostPort, containerPort, protocol })) };
}

function remainsFrom(value: unknown): NetworkRemains | undefined {
  if (!isRecord(value) || typeof value["ip"] !== "string" || !Array.isArray(value["ports"])) return undefined;
  const ports = value["ports"].flatMap((port: unknown) => portFrom(port) ?? []);
  return { ip: value["ip"], ports };
}

function portFrom(value: unknown): PublishedPort | undefined {
  if (!isRecord(value)) return undefined;
  const { hostIp, hostPort, containerPort, protocol } = value;
  if (typeof hostIp !== "string" || typeof hostPort !== "number" || typeof containerPort !== "number") return undefined;
  return protocol === "tcp" || protocol === "udp" ? { hostIp, hostPort, containerPort, protocol } : undefined;
}

function isRecord(value: unknown): value is { readonly [key: string]: unknown } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
