/**
 * A network namespace with an address on a bridge. It has no name: a bind of it in this process's private view of the
 * mounts keeps it, and goes with that view when the process dies; the interfaces go with the namespace.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isErrno } from "../../base/errors.js";
import type { Kernel } from "../../sys/types.js";
import { requireProgram } from "../runtime.js";
import type { AddressLease } from "./address-leases.js";
import { formatIpv4, macOf } from "./addresses.js";
import type { Bridge } from "./bridge.js";
import { CommandError, command, ipBatch } from "./commands.js";

export interface NetworkNamespace extends AsyncDisposable {
  /** For ProcessNetwork. */
  readonly path: string;
  readonly ip: string;
  readonly gateway: string;
  readonly macAddress: string;
  readonly prefixLength: number;
  /** The other end, on the host. */
  readonly hostInterface: string;
  /** Keeps the address taken for `owner` after this process has ended; until `removeNetwork`. */
  persist(owner: string): void;
}

export interface NamespaceRequest {
  readonly bridge: Bridge;
  readonly lease: AddressLease;
  /** Where the binds are made. */
  readonly folder: string;
  /** Its port can talk to the host, not to other isolated ports. */
  readonly isolated: boolean;
}

/** Takes over the lease, on failure too. Two programs are started, one after the other. */
export async function makeNamespace(kernel: Kernel, request: NamespaceRequest): Promise<NetworkNamespace> {
  const { bridge, lease } = request;
  const ip = formatIpv4(lease.address);
  const path = join(request.folder, ip);
  const hostInterface = hostInterfaceOf(lease.address);
  const release = (): void => {
    unbind(kernel, path);
    lease[Symbol.dispose]();
  };
  try {
    mkdirSync(request.folder, { recursive: true, mode: 0o700 });
    writeFileSync(path, "");
    await configureInside({ path, bridge, address: lease.address, hostInterface }).catch(async (error: unknown) => {
      if (!(error instanceof CommandError) || !/file exists/i.test(error.stderr)) throw error;
      // The address is ours alone, so the interface is a leftover whose namespace the kernel is still taking down.
      unbind(kernel, path);
      await ipBatch([`link delete ${hostInterface}`]).catch(ignoreGone);
      await configureInside({ path, bridge, address: lease.address, hostInterface });
    });
    await ipBatch([
      `link set dev ${hostInterface} master ${bridge.name} up`,
      `link set dev ${hostInterface} type bridge_slave ${portMode(request)}`,
    ]);
  } catch (error) {
    release();
    throw error;
  }
  return {
    path,
    ip,
    gateway: formatIpv4(bridge.gateway),
    macAddress: macOf(lease.address),
    prefixLength: bridge.subnet.prefix,
    hostInterface,
    persist: (owner) => lease.persist(owner),
    [Symbol.asyncDispose]: () => Promise.resolve(release()),
  };
}

/** Hairpin: where br_netfilter is loaded, a container's packet to its own published port turns round in the bridge. */
function portMode({ isolated }: NamespaceRequest): string {
  return isolated ? "isolated on" : "hairpin on";
}

/** `tsb0a818005`: at most one per address and host. */
export function hostInterfaceOf(address: number): string {
  return `tsb${address.toString(16).padStart(8, "0")}`;
}

interface Inside {
  readonly path: string;
  readonly bridge: Bridge;
  readonly address: number;
  readonly hostInterface: string;
}

/** unshare(1) makes the namespace, binds it to `path` and starts ip(8) in it. */
async function configureInside({ path, bridge, address, hostInterface }: Inside): Promise<void> {
  const lines = [
    "link set dev lo up",
    `link add eth0 mtu ${bridge.mtu} type veth peer name ${hostInterface} mtu ${bridge.mtu} netns ${process.pid}`,
    `link set dev eth0 address ${macOf(address)} addrgenmode none`,
    `address add ${formatIpv4(address)}/${bridge.subnet.prefix} dev eth0`,
    "link set dev eth0 up",
    `route add default via ${formatIpv4(bridge.gateway)}`,
  ];
  await command("unshare", [`--net=${path}`, requireProgram("ip", "iproute2"), "-batch", "-"], `${lines.join("\n")}\n`);
}

function unbind(kernel: Kernel, path: string): void {
  try {
    kernel.umount(path, { detach: true });
  } catch (error) {
    if (!isErrno(error, "EINVAL", "ENOENT")) throw error;
  }
}

function ignoreGone(error: unknown): void {
  if (error instanceof CommandError && /cannot find device/i.test(error.stderr)) return;
  throw error;
}
