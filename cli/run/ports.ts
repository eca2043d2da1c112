/** -p and --expose. */
import { isIPv4, isIPv6 } from "node:net";
import { TsbuildError } from "../../base/errors.js";
import type { PortRequest } from "../../executor/network/publish.js";

const PORTS = /^(\d{1,5})(?:-(\d{1,5}))?$/;

/**
 * `[[ADDRESS:]HOST:]CONTAINER[/PROTOCOL]`, ports also as ranges of equal length. Without a port of the host, a free one.
 * @throws {TsbuildError} USAGE
 */
export function parsePublish(text: string, defaultAddress: string): readonly PortRequest[] {
  const { head, protocol } = splitProtocol("-p", text);
  const { address, rest } = splitAddress(text, head);
  const parts = rest.split(":");
  const container = range(text, parts.at(-1) ?? "");
  if (parts.length > 2) throw wrong("-p", text);
  const host = parts.length === 1 || parts[0] === "" || parts[0] === "0" ? undefined : range(text, parts[0] ?? "");
  if (host !== undefined && host.length !== container.length) throw wrong("-p", text, "both ranges must have the same length");
  return container.map((containerPort, index) => ({
    hostIp: address ?? defaultAddress,
    hostPort: host?.[index] ?? 0,
    containerPort,
    protocol,
  }));
}

/** `80`, `80-90/udp` as `80/tcp`, … */
export function parseExpose(text: string): readonly string[] {
  const { head, protocol } = splitProtocol("--expose", text);
  return range(text, head).map((port) => `${port}/${protocol}`);
}

function splitProtocol(flag: string, text: string): { readonly head: string; readonly protocol: "tcp" | "udp" } {
  const [head = "", protocol = "tcp", ...more] = text.split("/");
  const name = protocol.toLowerCase();
  if (name === "sctp") throw new TsbuildError("UNSUPPORTED", `${flag} "${text}": SCTP is not supported; tcp and udp are`);
  if (more.length > 0 || (name !== "tcp" && name !== "udp")) throw wrong(flag, text, `Invalid proto: ${protocol}`);
  return { head, protocol: name };
}

/** IPv6 addresses stand in brackets. */
function splitAddress(text: string, head: string): { readonly address: string | undefined; readonly rest: string } {
  const [, six, behind] = /^\[([^\]]*)\]:(.*)$/.exec(head) ?? [];
  if (six !== undefined && behind !== undefined) {
    if (isIPv6(six)) throw new TsbuildError("UNSUPPORTED", `-p "${text}": ports can be published on IPv4 addresses only`);
    throw wrong("-p", text, `invalid IP address: ${six}`);
  }
  const parts = head.split(":");
  if (parts.length !== 3) return { address: undefined, rest: head };
  const [address = "", ...rest] = parts;
  if (!isIPv4(address)) throw wrong("-p", text, `invalid IP address: ${address}`);
  return { address, rest: rest.join(":") };
}

function range(text: string, ports: string): readonly number[] {
  const [, first, last = first] = PORTS.exec(ports) ?? [];
  const [from, to] = [Number(first), Number(last)];
  if (first === undefined || from < 1 || to > 65_535 || from > to) throw wrong("-p", text, `invalid port: "${ports}"`);
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}

function wrong(flag: string, text: string, problem = "it is not a port to publish"): TsbuildError {
  return new TsbuildError("USAGE", `${flag} "${text}": ${problem}`, { hint: "for example 8080:80, 127.0.0.1:8080:80/tcp, 80" });
}
