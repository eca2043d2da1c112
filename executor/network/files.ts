/** /etc/hosts and /etc/resolv.conf of a container. Pure. */
import type { ResolverFiles } from "./resolvers.js";
import { nameservers } from "./resolvers.js";

export interface HostsRequest {
  readonly hostname?: string | undefined;
  /** The container's own address; unset without a network of its own. */
  readonly ip?: string | undefined;
  readonly extraHosts?: readonly { readonly name: string; readonly ip: string }[] | undefined;
}

const LOCAL_NAMES = [
  "127.0.0.1\tlocalhost",
  "::1\tlocalhost ip6-localhost ip6-loopback",
  "fe00::\tip6-localnet",
  "ff00::\tip6-mcastprefix",
  "ff02::1\tip6-allnodes",
  "ff02::2\tip6-allrouters",
];

export function hostsFile({ hostname, ip, extraHosts = [] }: HostsRequest): string {
  const extra = extraHosts.map((host) => `${host.ip}\t${host.name}`);
  const own = hostname === undefined ? [] : [`${ip ?? "127.0.1.1"}\t${hostname}`];
  return `${[...LOCAL_NAMES, ...extra, ...own].join("\n")}\n`;
}

export interface ResolvConfRequest {
  /** The host's. */
  readonly files: ResolverFiles;
  /** `host`: the container sees the host's loopback, so stubs there work. */
  readonly network: "bridge" | "host" | "none";
  readonly dns?: readonly string[] | undefined;
  /** `["."]`: none. */
  readonly search?: readonly string[] | undefined;
  readonly options?: readonly string[] | undefined;
}

/** Where nothing else is known; Docker's choice. */
const PUBLIC_SERVERS = ["8.8.8.8", "8.8.4.4"];

/**
 * The host's resolv.conf with what the user says in its place. A server on the host's loopback can't be reached from a
 * network of one's own: then the real servers that systemd-resolved knows are taken, else public ones.
 */
export function resolvConf(request: ResolvConfRequest): string {
  const { files } = request;
  const search = given(request.search) ?? words(files.host, "search");
  const options = given(request.options) ?? words(files.host, "options");
  return `${[
    ...serversOf(request).map((server) => `nameserver ${server}`),
    ...(search.length === 0 || search.includes(".") ? [] : [`search ${search.join(" ")}`]),
    ...(options.length === 0 ? [] : [`options ${options.join(" ")}`]),
  ].join("\n")}\n`;
}

function serversOf({ files, network, dns }: ResolvConfRequest): readonly string[] {
  const own = given(dns);
  if (own !== undefined) return own;
  const host = nameservers(files.host);
  if (network !== "bridge") return host;
  const reachable = host.filter(isReachable);
  if (reachable.length > 0) return reachable;
  const real = nameservers(files.systemd ?? "").filter(isReachable);
  return real.length > 0 ? real : PUBLIC_SERVERS;
}

/** The bridge has IPv4 only. */
function isReachable(address: string): boolean {
  return !address.includes(":") && !address.startsWith("127.") && address !== "0.0.0.0";
}

function given(list: readonly string[] | undefined): readonly string[] | undefined {
  return list === undefined || list.length === 0 ? undefined : list;
}

/** Of the last such line, as the resolver reads it. */
function words(text: string, keyword: string): readonly string[] {
  const line = text.split("\n").findLast((candidate) => new RegExp(`^\\s*${keyword}\\s`).test(candidate));
  return line === undefined ? [] : line.trim().split(/\s+/).slice(1);
}
