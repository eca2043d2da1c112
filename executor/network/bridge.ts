/** The bridge of a network: made by the first who needs it, found by all others. */
import { readFileSync, writeFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { TsbuildError, isErrno } from "../../base/errors.js";
import type { Kernel } from "../../sys/types.js";
import type { Subnet } from "./addresses.js";
import { contains, formatIpv4, formatSubnet, macOf, overlaps, parseIpv4, parseRoutes, parseSubnet, sizeOf } from "./addresses.js";
import type { AddressRange } from "./address-leases.js";
import { command, ipBatch, nftBatch } from "./commands.js";
import { admitForwarding } from "./foreign.js";
import { withLock } from "./lock.js";
import { linkLocalResolvers } from "./resolvers.js";
import { TABLE, baseRules } from "./rules.js";

/** What a network is to be. The default one has neither subnet nor gateway: they are chosen so as not to collide. */
export interface NetworkSettings {
  /** The interface's name, at most 15 characters. */
  readonly bridge: string;
  readonly subnet?: string | undefined;
  readonly gateway?: string | undefined;
  /** No way out. */
  readonly isInternal?: boolean | undefined;
}

export interface Bridge {
  readonly name: string;
  readonly subnet: Subnet;
  readonly gateway: number;
  readonly mtu: number;
}

export const DEFAULT_NETWORK: NetworkSettings = { bridge: "tsbuild0" };

/** Tried in this order; the ranges of Docker (172.17 and on), Podman (10.88) and common home routers are not among them. */
const CANDIDATES = [...Array.from({ length: 16 }, (_, index) => `10.${129 + index}.0.0/16`), "172.29.0.0/16", "192.168.231.0/24"];

const DEFAULT_MTU = 1500;
const ETHERNET_MINIMUM_MTU = 576;

/**
 * Makes what is missing of the bridge, its rules and its kernel settings. Any number of processes may do so at once.
 * `stateDir` is shared by them: the store's run folder for networks.
 * @throws {TsbuildError} PROGRAM_MISSING, NETWORK_COMMAND_FAILED, SUBNET_TAKEN, FORWARDING_BLOCKED
 */
export async function ensureBridge(
  kernel: Kernel,
  {
    stateDir,
    settings,
    signal,
  }: { readonly stateDir: string; readonly settings: NetworkSettings; readonly signal?: AbortSignal | undefined },
): Promise<Bridge> {
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  const mtu = outwardMtu();
  const existing = existingSubnet(settings.bridge);
  const subnet = existing ?? (await withLock(kernel, join(stateDir, "lock"), { signal, body: () => makeBridge(settings, mtu) }));
  const bridge = { name: settings.bridge, subnet, gateway: gatewayOf(settings, subnet), mtu };
  writeKernelSettings(settings.bridge);
  await Promise.all([
    nftBatch(
      baseRules({
        bridge: bridge.name,
        subnet: formatSubnet(subnet),
        isolated: isolatedPart(settings, subnet),
        resolvers: linkLocalResolvers(),
        isInternal: settings.isInternal === true,
      }),
    ),
    admitForwarding(kernel, { stateDir, bridge: bridge.name, signal }),
  ]);
  return bridge;
}

/** Takes away a network that nothing uses any more: the interface and what the rules know of it. Missing parts are fine. */
export async function removeBridge(bridge: Pick<Bridge, "name" | "subnet">): Promise<void> {
  if (deviceExists(bridge.name)) await command("ip", ["link", "delete", bridge.name]);
  for (const set of [
    `ip ${TABLE} bridges { "${bridge.name}" }`,
    `ip ${TABLE} internal { "${bridge.name}" }`,
    `ip ${TABLE} subnets { ${formatSubnet(bridge.subnet)} }`,
    `ip6 ${TABLE} bridges { "${bridge.name}" }`,
  ]) {
    await nftBatch([`delete element ${set}`]).catch(ignoreMissing);
  }
}

/** Elements and tables that aren't there: nft knows no "delete if present" before 1.0.7. */
export function ignoreMissing(error: unknown): void {
  if (error instanceof TsbuildError && /no such file or directory|does not exist/i.test(error.message)) return;
  throw error;
}

/** The addresses that containers may have. Of the default network the upper half belongs to build steps, which must not see one another. */
export function rangeOf(
  bridge: Bridge,
  { isolated, settings }: { readonly isolated: boolean; readonly settings: NetworkSettings },
): AddressRange {
  const last = bridge.subnet.base + sizeOf(bridge.subnet) - 2;
  const first = bridge.subnet.base + 2;
  if (isolatedPart(settings, bridge.subnet) === undefined) return { first, last };
  const middle = bridge.subnet.base + sizeOf(bridge.subnet) / 2;
  return isolated ? { first: middle + 1, last } : { first, last: middle - 1 };
}

function isolatedPart(settings: NetworkSettings, subnet: Subnet): string | undefined {
  if (settings.subnet !== undefined) return undefined;
  return formatSubnet({ base: subnet.base + sizeOf(subnet) / 2, prefix: subnet.prefix + 1 });
}

function gatewayOf(settings: NetworkSettings, subnet: Subnet): number {
  if (settings.gateway === undefined) return subnet.base + 1;
  const gateway = parseIpv4(settings.gateway);
  if (gateway !== undefined && contains(subnet, gateway)) return gateway;
  throw new TsbuildError("SUBNET_INVALID", `the gateway ${settings.gateway} does not lie in ${formatSubnet(subnet)}`);
}

/** The kernel's own route to the bridge's subnet is there as soon as it is up and has its address. */
function existingSubnet(bridge: string): Subnet | undefined {
  return routes().find(({ device }) => device === bridge)?.subnet;
}

async function makeBridge(settings: NetworkSettings, mtu: number): Promise<Subnet> {
  const existing = existingSubnet(settings.bridge);
  if (existing !== undefined) return existing;
  const subnet = chooseSubnet(settings, routes());
  const gateway = gatewayOf(settings, subnet);
  const { bridge } = settings;
  await ipBatch([
    ...(deviceExists(bridge) ? [] : [`link add ${bridge} type bridge`]),
    // A fixed MAC: else the bridge takes its ports' as they come and go, and containers' neighbour caches go stale.
    `link set dev ${bridge} address ${macOf(gateway)} mtu ${mtu} addrgenmode none`,
    `address replace ${formatIpv4(gateway)}/${subnet.prefix} dev ${bridge}`,
    `link set dev ${bridge} up`,
  ]);
  return subnet;
}

/** @throws {TsbuildError} SUBNET_TAKEN */
export function chooseSubnet(settings: NetworkSettings, taken: readonly { readonly device: string; readonly subnet: Subnet }[]): Subnet {
  const wanted = (settings.subnet === undefined ? CANDIDATES : [settings.subnet]).map(parseSubnet);
  const routed = taken.filter(({ subnet, device }) => subnet.prefix > 0 && device !== settings.bridge);
  const free = wanted.find((candidate) => !routed.some(({ subnet }) => overlaps(candidate, subnet)));
  if (free !== undefined) return free;
  const shown =
    wanted.length === 1
      ? `the subnet ${settings.subnet ?? ""} overlaps with a route`
      : "every subnet that tsbuild knows overlaps with a route";
  throw new TsbuildError("SUBNET_TAKEN", `${shown} of this host`, { hint: "see `ip route`; create a network with --subnet and use that" });
}

function writeKernelSettings(bridge: string): void {
  writeSetting("net/ipv4/ip_forward", "1");
  writeSetting(`net/ipv4/conf/${bridge}/route_localnet`, "1");
  writeSetting(`net/ipv6/conf/${bridge}/disable_ipv6`, "1");
}

/** A kernel without IPv6 has no such file, and needs none. */
function writeSetting(name: string, value: string): void {
  const path = join("/proc/sys", name);
  try {
    if (readFileSync(path, "latin1").trim() !== value) writeFileSync(path, value);
  } catch (error) {
    if (!isErrno(error, "ENOENT")) throw new TsbuildError("NETWORK_SETTING_FAILED", `${path} can't be set to ${value}`, { cause: error });
  }
}

function routes(): ReturnType<typeof parseRoutes> {
  return parseRoutes(readFileSync("/proc/self/net/route", "latin1"));
}

function deviceExists(name: string): boolean {
  return readFileSync("/proc/self/net/dev", "latin1")
    .split("\n")
    .some((line) => line.trim().startsWith(`${name}:`));
}

/** Of the interface with the default route: a larger one on the bridge would lose packets behind a VPN or a cloud's overlay. */
function outwardMtu(): number {
  const device = routes().find(({ subnet }) => subnet.prefix === 0)?.device;
  if (device === undefined) return DEFAULT_MTU;
  try {
    const mtu = Number(readFileSync(join("/sys/class/net", device, "mtu"), "latin1"));
    return mtu >= ETHERNET_MINIMUM_MTU ? Math.min(mtu, DEFAULT_MTU) : DEFAULT_MTU;
  } catch (error) {
    if (isErrno(error, "ENOENT")) return DEFAULT_MTU;
    throw error;
  }
}
