/** Where a registry's API lies, and what may be asked there. All pure. */
import { BlockList, isIP } from "node:net";

/** One way to reach a registry. */
export interface Endpoint {
  readonly origin: string;
  readonly isVerified: boolean;
}

const API_HOSTS: Readonly<Record<string, string>> = { "docker.io": "registry-1.docker.io" };

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet("127.0.0.0", 8, "ipv4");
LOOPBACK.addAddress("::1", "ipv6");

const LINK_LOCAL = new BlockList();
LINK_LOCAL.addSubnet("169.254.0.0", 16, "ipv4");
LINK_LOCAL.addSubnet("fe80::", 10, "ipv6");
LINK_LOCAL.addAddress("fd00:ec2::254", "ipv6");

const RESERVED = new BlockList();
for (const [net, prefix] of [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["224.0.0.0", 3],
] as const) {
  RESERVED.addSubnet(net, prefix, "ipv4");
}
for (const [net, prefix] of [
  ["::", 128],
  ["fc00::", 7],
  ["ff00::", 8],
] as const)
  RESERVED.addSubnet(net, prefix, "ipv6");

/**
 * The ways to try, in order. Plain HTTP is tried only on this machine, where it comes first,
 * and for registries that the user calls insecure, where it comes last.
 */
export function endpointsOf(registry: string, insecure: readonly string[]): readonly Endpoint[] {
  const host = API_HOSTS[registry] ?? registry;
  const isInsecure = insecure.includes(registry) || insecure.includes(host);
  const https: Endpoint = { origin: new URL(`https://${host}`).origin, isVerified: !isInsecure };
  const http: Endpoint = { origin: new URL(`http://${host}`).origin, isVerified: false };
  if (isLoopbackHost(new URL(https.origin).hostname)) return [http, https];
  return isInsecure ? [https, http] : [https];
}

/** `hostname` as URL has it: IPv6 in brackets. */
export function isLoopbackHost(hostname: string): boolean {
  return hostname === "localhost" || hostname.endsWith(".localhost") || isIn(LOOPBACK, hostname);
}

/** Addresses of the link alone, where clouds keep their metadata service: no registry is there. */
export function isLinkLocal(hostname: string): boolean {
  return isIn(LINK_LOCAL, hostname);
}

/** Literal addresses of this machine, a private network or no host at all. Names are never reserved. */
export function isReservedAddress(hostname: string): boolean {
  return isIn(LOOPBACK, hostname) || isIn(LINK_LOCAL, hostname) || isIn(RESERVED, hostname);
}

function isIn(list: BlockList, hostname: string): boolean {
  const address = hostname.replace(/^\[|\]$/g, "");
  const version = isIP(address);
  return version !== 0 && list.check(address, version === 4 ? "ipv4" : "ipv6");
}
