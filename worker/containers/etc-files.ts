/** /etc/hosts, /etc/hostname and /etc/resolv.conf of a container: files in its folder, bound over the image's. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isErrno } from "../../base/errors.js";
import { hostsFile, resolvConf } from "../../executor/network/files.js";
import { readResolverFiles } from "../../executor/network/resolvers.js";
import type { ProcessMount } from "../../executor/types.js";
import type { NetworkRequest } from "./types.js";

export interface EtcFacts {
  /** The container's own. */
  readonly folder: string;
  readonly hostname: string;
  readonly ip: string | undefined;
  /** What `host-gateway` stands for. */
  readonly gateway: string;
  readonly network: NetworkRequest;
  readonly readonly: boolean;
}

interface Host {
  readonly name: string;
  readonly ip: string;
}

/** Writes the files and says how they are mounted. */
export function etcMounts(facts: EtcFacts): readonly Extract<ProcessMount, { type: "bind" }>[] {
  const { network, hostname, ip } = facts;
  const extraHosts = network.extraHosts.map((text) => extraHost(text, facts.gateway));
  const files = {
    hostname: `${hostname}\n`,
    hosts: network.mode === "host" ? withHosts(hostsOfHost(), extraHosts) : hostsFile({ hostname, ip, extraHosts }),
    "resolv.conf": resolvConf({
      files: readResolverFiles(),
      network: network.mode,
      dns: network.nameservers,
      search: network.search,
      options: network.options,
    }),
  };
  return Object.entries(files).map(([name, content]) => {
    const source = join(facts.folder, name);
    writeFileSync(source, content, { mode: 0o644 });
    return { type: "bind", source, target: `/etc/${name}`, readonly: facts.readonly } as const;
  });
}

function extraHost(text: string, gateway: string): Host {
  const split = text.indexOf(":");
  const address = text.slice(split + 1);
  return { name: text.slice(0, split), ip: address === "host-gateway" ? gateway : address };
}

function withHosts(text: string, extra: readonly Host[]): string {
  const end = text === "" || text.endsWith("\n") ? "" : "\n";
  return text + end + extra.map(({ name, ip }) => `${ip}\t${name}\n`).join("");
}

/** With the host's network its names mean the same as on the host. */
function hostsOfHost(): string {
  try {
    return readFileSync("/etc/hosts", "utf8");
  } catch (error) {
    if (isErrno(error, "ENOENT")) return "127.0.0.1\tlocalhost\n";
    throw error;
  }
}
