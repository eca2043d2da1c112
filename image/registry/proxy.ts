/** Which proxy, if any, stands before a host: HTTPS_PROXY, HTTP_PROXY and NO_PROXY as other tools read them. Pure. */
import { BlockList, isIP } from "node:net";
import { isLoopbackHost } from "./hosts.js";

export type Environment = Readonly<Record<string, string | undefined>>;

/** The proxy's URL. This machine is always reached directly. */
export function proxyFor(url: URL, env: Environment): string | undefined {
  const names = url.protocol === "https:" ? ["https_proxy", "HTTPS_PROXY"] : ["http_proxy", "HTTP_PROXY"];
  const proxy = names.map((name) => env[name]).find((value) => value !== undefined && value !== "");
  if (proxy === undefined || isLoopbackHost(url.hostname)) return undefined;
  if (isExempt(url, env["no_proxy"] || env["NO_PROXY"] || "")) return undefined;
  return proxy.includes("://") ? proxy : `http://${proxy}`;
}

function isExempt(url: URL, noProxy: string): boolean {
  return noProxy.split(/[\s,]+/).some((entry) => entry !== "" && matches(url, entry.toLowerCase()));
}

/** `*`, `host`, `.domain`, `host:port`, an address, or a network in CIDR. A domain stands for the hosts below it too. */
function matches(url: URL, entry: string): boolean {
  if (entry === "*") return true;
  const host = url.hostname.replace(/^\[|\]$/g, "");
  if (isIP(host) !== 0 && entry.includes("/")) return isInNetwork(host, entry);
  const [, name = entry, port] = /^(.*?|\[.*\]):(\d+)$/.exec(entry) ?? [];
  if (port !== undefined && isIP(entry) === 0 && port !== (url.port || (url.protocol === "https:" ? "443" : "80"))) return false;
  const wanted = (isIP(entry) === 0 ? name : entry).replace(/^\[|\]$/g, "").replace(/^\*?\./, "");
  return host === wanted || host.endsWith(`.${wanted}`);
}

function isInNetwork(host: string, entry: string): boolean {
  const [net = "", prefix = ""] = entry.split("/");
  const version = isIP(net);
  if (version === 0 || version !== isIP(host) || !/^\d+$/.test(prefix) || Number(prefix) > (version === 4 ? 32 : 128)) return false;
  const family = version === 4 ? "ipv4" : "ipv6";
  const list = new BlockList();
  list.addSubnet(net, Number(prefix), family);
  return list.check(host, family);
}
