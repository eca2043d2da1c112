/** The host's own name servers. */
import { readFileSync } from "node:fs";
import { isErrno } from "../../base/errors.js";

/** systemd-resolved lists the real servers here when /etc/resolv.conf names its own stub. */
const SYSTEMD_RESOLV_CONF = "/run/systemd/resolve/resolv.conf";

export interface ResolverFiles {
  readonly host: string;
  readonly systemd: string | undefined;
}

export function readResolverFiles(): ResolverFiles {
  return { host: readIfPresent("/etc/resolv.conf") ?? "", systemd: readIfPresent(SYSTEMD_RESOLV_CONF) };
}

/** Name servers at link-local addresses, as some clouds have them: the only thing there that containers may reach. */
export function linkLocalResolvers(files: ResolverFiles = readResolverFiles()): readonly string[] {
  return [
    ...new Set(nameservers(`${files.host}\n${files.systemd ?? ""}`).filter((address) => /^169\.254\.\d{1,3}\.\d{1,3}$/.test(address))),
  ];
}

export function nameservers(text: string): readonly string[] {
  return text.split("\n").flatMap((line) => {
    const address = /^\s*nameserver\s+(\S+)/.exec(line)?.[1];
    return address === undefined ? [] : [address];
  });
}

function readIfPresent(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR")) return undefined;
    throw error;
  }
}
