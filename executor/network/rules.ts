/** tsbuild's own nftables tables, as text for `nft -f`. Pure; loading it again changes nothing. */
import type { PublishedPort } from "./publish.js";

export const TABLE = "tsbuild";

export interface RuleInputs {
  readonly bridge: string;
  /** `10.129.0.0/16` */
  readonly subnet: string;
  /** The part of `subnet` whose members must not reach one another; unset: none. */
  readonly isolated?: string | undefined;
  /** Link-local name servers of the host: the only thing there that is open. */
  readonly resolvers: readonly string[];
  /** No way out of the network. */
  readonly isInternal: boolean;
}

const LINK_LOCAL = "169.254.0.0/16";
const LOOPBACK = "127.0.0.0/8";

/**
 * Chains are emptied and filled in one transaction; sets and maps keep what other processes have put there.
 * - `guard`: with route_localnet a neighbour could send packets for 127/8; nothing but `lo` may. Metadata services, whether they
 *   are elsewhere or on this host itself.
 * - `inbound`, `local`: published ports, from outside and from the host itself.
 * - `outbound`: masquerade, also for a container that calls its own published port, and for the host's 127.0.0.1.
 * - `forwarding`: isolated addresses, and what comes from outside without having been published.
 */
export function baseRules(inputs: RuleInputs): readonly string[] {
  const add = (chain: string, rule: string): string => `add rule ip ${TABLE} ${chain} ${rule}`;
  return [
    `add table ip ${TABLE}`,
    ...["type ifname", "type ifname"].map((type, index) => `add set ip ${TABLE} ${index === 0 ? "bridges" : "internal"} { ${type}; }`),
    `add set ip ${TABLE} subnets { type ipv4_addr; flags interval; }`,
    `add set ip ${TABLE} isolated { type ipv4_addr; flags interval; }`,
    `add set ip ${TABLE} metadata { type ipv4_addr; }`,
    `add map ip ${TABLE} ports { type inet_proto . ipv4_addr . inet_service : ipv4_addr . inet_service; }`,
    `add map ip ${TABLE} ports_any { type inet_proto . inet_service : ipv4_addr . inet_service; }`,
    ...chain("guard", "filter hook prerouting priority -300"),
    ...chain("inbound", "nat hook prerouting priority -100"),
    ...chain("local", "nat hook output priority -100"),
    ...chain("outbound", "nat hook postrouting priority 100"),
    ...chain("forwarding", "filter hook forward priority 0"),
    `add element ip ${TABLE} bridges { "${inputs.bridge}" }`,
    `add element ip ${TABLE} subnets { ${inputs.subnet} }`,
    ...(inputs.isInternal ? [`add element ip ${TABLE} internal { "${inputs.bridge}" }`] : []),
    ...(inputs.isolated === undefined ? [] : [`add element ip ${TABLE} isolated { ${inputs.isolated} }`]),
    add("guard", `iifname != "lo" ip daddr ${LOOPBACK} drop`),
    add("guard", `iifname != "lo" ip saddr ${LOOPBACK} drop`),
    ...inputs.resolvers.flatMap((resolver) =>
      ["udp", "tcp"].map((protocol) => add("guard", `iifname @bridges ip daddr ${resolver} ${protocol} dport 53 accept`)),
    ),
    add("guard", `iifname @bridges ip daddr ${LINK_LOCAL} ip saddr != @metadata drop`),
    ...["inbound", "local"].flatMap((name) => [
      add(name, "dnat ip to meta l4proto . ip daddr . th dport map @ports"),
      add(name, "fib daddr type local dnat ip to meta l4proto . th dport map @ports_any"),
    ]),
    add("outbound", `oifname @bridges ip saddr ${LOOPBACK} masquerade`),
    add("outbound", "oifname @bridges ip saddr @subnets ct status dnat masquerade"),
    add("outbound", "ip saddr @subnets oifname != @bridges masquerade"),
    add("forwarding", "iifname @bridges oifname @bridges ct status dnat accept"),
    add("forwarding", "iifname @bridges oifname @bridges ct state established,related accept"),
    add("forwarding", "iifname @bridges oifname @bridges ip saddr @isolated drop"),
    add("forwarding", "iifname @bridges oifname @bridges ip daddr @isolated drop"),
    add("forwarding", "iifname @internal oifname != @internal drop"),
    add("forwarding", "iifname != @bridges oifname @bridges ct state new ct status & dnat == 0 drop"),
    `add table ip6 ${TABLE}`,
    `add set ip6 ${TABLE} bridges { type ifname; }`,
    `add element ip6 ${TABLE} bridges { "${inputs.bridge}" }`,
    `add chain ip6 ${TABLE} forwarding { type filter hook forward priority 0; policy accept; }`,
    `flush chain ip6 ${TABLE} forwarding`,
    `add rule ip6 ${TABLE} forwarding iifname @bridges drop`,
    `add rule ip6 ${TABLE} forwarding oifname @bridges drop`,
  ];
}

function chain(name: string, hook: string): readonly string[] {
  return [`add chain ip ${TABLE} ${name} { type ${hook}; policy accept; }`, `flush chain ip ${TABLE} ${name}`];
}

/** The map and the element that lead a host's port to a container's. */
export function portElement(port: PublishedPort, containerIp: string): string {
  return `{ ${portKey(port)} : ${containerIp} . ${port.containerPort} }`;
}

export function portMap(port: PublishedPort): string {
  return `ip ${TABLE} ${isAnyAddress(port.hostIp) ? "ports_any" : "ports"}`;
}

export function portKey({ protocol, hostIp, hostPort }: PublishedPort): string {
  return isAnyAddress(hostIp) ? `${protocol} . ${hostPort}` : `${protocol} . ${hostIp} . ${hostPort}`;
}

export function isAnyAddress(hostIp: string): boolean {
  return hostIp === "0.0.0.0";
}
