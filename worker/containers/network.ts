/** A container's network: its namespace on the bridge and its published ports, none, or the host's. */
import { CleanupStack } from "../../base/cleanup.js";
import type { Store } from "../../cache/store.js";
import type { PortRequest, PublishedPort } from "../../executor/network/publish.js";
import type { ProcessNetwork } from "../../executor/types.js";
import { NETWORK_STATE_DIR, remainsJson } from "../networks.js";
import type { NetworkRequest } from "./types.js";

export interface ContainerNetwork extends AsyncDisposable {
  readonly process: ProcessNetwork;
  readonly ip: string | undefined;
  /** The host as the container sees it. */
  readonly gateway: string;
  readonly ports: readonly PublishedPort[];
}

const LOOPBACK = "127.0.0.1";

/** `exposed`: what the image and the user expose, `80/tcp`. @throws {TsbuildError} as NetworkPool.acquire and publishPorts do */
export async function openNetwork(
  store: Store,
  request: NetworkRequest,
  { id, exposed, signal }: { readonly id: string; readonly exposed: readonly string[]; readonly signal: AbortSignal },
): Promise<ContainerNetwork> {
  if (request.mode !== "bridge") {
    return { process: { type: request.mode }, ip: undefined, gateway: LOOPBACK, ports: [], [Symbol.asyncDispose]: () => Promise.resolve() };
  }
  await using stack = new CleanupStack();
  const { NetworkPool } = await import("../../executor/network/pool.js");
  const pool = stack.use(new NetworkPool({ stateDir: NETWORK_STATE_DIR, kernel: store.kernel, isolated: false }));
  const namespace = stack.use(await pool.acquire(signal));
  const ports = await publish(store, { id, ip: namespace.ip, ports: portsOf(request, exposed), stack });
  const held = stack.move();
  return {
    process: { type: "namespace", path: namespace.path },
    ip: namespace.ip,
    gateway: namespace.gateway,
    ports,
    [Symbol.asyncDispose]: () => held[Symbol.asyncDispose](),
  };
}

interface Publishing {
  readonly id: string;
  readonly ip: string;
  readonly ports: readonly PortRequest[];
  readonly stack: CleanupStack;
}

/** The lease names the rules, which a killed process leaves behind. */
async function publish(store: Store, { id, ip, ports, stack }: Publishing): Promise<readonly PublishedPort[]> {
  if (ports.length === 0) return [];
  const own = async (known: readonly PublishedPort[]): Promise<void> => {
    const resource = { type: "network", id, details: remainsJson({ ip, ports: known }) } as const;
    await store.lease.own(resource);
    stack.defer(() => store.lease.release(resource));
  };
  const fixed = ports.filter(({ hostPort }) => hostPort !== 0);
  if (fixed.length > 0) await own(fixed);
  const { publishPorts } = await import("../../executor/network/publish.js");
  const published = stack.use(await publishPorts({ containerIp: ip, ports }));
  if (fixed.length < ports.length) await own(published.ports);
  return published.ports;
}

/** What -p says, and with -P all that is exposed and not published yet, each on a free port of the host. */
export function portsOf({ ports, publishesAll, defaultAddress }: NetworkRequest, exposed: readonly string[]): readonly PortRequest[] {
  if (!publishesAll) return ports;
  const known = new Set(ports.map(({ containerPort, protocol }) => `${containerPort}/${protocol}`));
  const others = exposed.filter((port) => !known.has(port));
  return [...ports, ...others.map((port) => ({ ...exposedPort(port), hostIp: defaultAddress, hostPort: 0 }))];
}

function exposedPort(text: string): Pick<PortRequest, "containerPort" | "protocol"> {
  const [port, protocol] = text.split("/");
  return { containerPort: Number(port), protocol: protocol === "udp" ? "udp" : "tcp" };
}
