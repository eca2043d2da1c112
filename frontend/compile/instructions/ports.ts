import { TsbuildError } from "../../../base/errors.js";

const PROTOCOLS = new Set(["tcp", "udp", "sctp"]);
const HIGHEST_PORT = 65535;

/**
 * The ports an EXPOSE word means, as `80/tcp`. Docker's port syntax: `[[ip:]hostPort:]port[-port][/protocol]`;
 * an address and a host port say nothing here and are dropped, with the checks Docker makes.
 * @throws {TsbuildError} DOCKERFILE_PORT
 */
export function exposedPorts(spec: string): string[] {
  const slash = spec.indexOf("/");
  const protocol = slash < 0 ? "tcp" : spec.slice(slash + 1).toLowerCase();
  if (!PROTOCOLS.has(protocol)) throw invalid(spec, `invalid proto: ${spec.slice(slash + 1)}`);
  const address = slash < 0 ? spec : spec.slice(0, slash);
  const containerPort = address.slice(address.lastIndexOf(":") + 1);
  const hostPort = hostPortOf(address);
  if (hostPort !== undefined && hostPort !== "") portRange(hostPort, spec, "hostPort");
  return portRange(containerPort, spec, "containerPort").map((port) => `${port}/${protocol}`);
}

function hostPortOf(address: string): string | undefined {
  const parts = address.split(":");
  return parts.length < 2 ? undefined : parts.at(-2);
}

function portRange(text: string, spec: string, what: string): number[] {
  const match = /^(\d+)(?:-(\d+))?$/.exec(text);
  const first = Number(match?.[1] ?? Number.NaN);
  const last = Number(match?.[2] ?? first);
  if (match === null || first > HIGHEST_PORT || last > HIGHEST_PORT || last < first) throw invalid(spec, `invalid ${what}: ${text}`);
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

function invalid(spec: string, reason: string): TsbuildError {
  return new TsbuildError("DOCKERFILE_PORT", `invalid port "${spec}": ${reason}`, {
    hint: "write PORT or FIRST-LAST, with /tcp, /udp or /sctp behind it if need be",
  });
}
