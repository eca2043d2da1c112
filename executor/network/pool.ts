/** Network namespaces of one process, some made ahead. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Kernel } from "../../sys/types.js";
import type { AddressLease } from "./address-leases.js";
import { leaseAddress, leaseFixedAddress, releaseAddress } from "./address-leases.js";
import { formatIpv4, parseIpv4 } from "./addresses.js";
import type { Bridge, NetworkSettings } from "./bridge.js";
import { DEFAULT_NETWORK, ensureBridge, ignoreMissing, rangeOf } from "./bridge.js";
import { nftBatch } from "./commands.js";
import { dismissForwarding } from "./foreign.js";
import { useBridge } from "./bridge-users.js";
import type { NetworkNamespace } from "./namespace.js";
import { makeNamespace } from "./namespace.js";
import type { PublishedPort } from "./publish.js";
import { unpublishAbandoned } from "./publish.js";
import { TABLE } from "./rules.js";

export interface NetworkPoolOptions {
  /** Shared by all processes that use this host's networks: the store's run folder for networks. */
  readonly stateDir: string;
  readonly kernel: Kernel;
  /** Unset: the default network. */
  readonly network?: NetworkSettings | undefined;
  /** Members can't reach one another: for build steps. Default true. */
  readonly isolated?: boolean | undefined;
  /** Opens the link-local metadata services. */
  readonly allowMetadata?: boolean | undefined;
}

export class NetworkPool implements AsyncDisposable {
  readonly #options: NetworkPoolOptions;
  readonly #settings: NetworkSettings;
  #bridge: Promise<Bridge> | undefined;
  #use: Disposable | undefined;
  #idle: Promise<NetworkNamespace>[] = [];
  readonly #handedOut = new Set<NetworkNamespace>();

  constructor(options: NetworkPoolOptions) {
    this.#options = options;
    this.#settings = options.network ?? DEFAULT_NETWORK;
  }

  /** The network itself, made when it is missing. */
  bridge(): Promise<Bridge> {
    this.#bridge ??= this.#openBridge();
    return this.#bridge;
  }

  async #openBridge(): Promise<Bridge> {
    const { kernel, stateDir } = this.#options;
    mkdirSync(stateDir, { recursive: true, mode: 0o700 });
    this.#use = await useBridge(kernel, { stateDir, bridge: this.#settings.bridge });
    return ensureBridge(kernel, { stateDir, settings: this.#settings });
  }

  /** Starts making `count` namespaces. A failure is reported by the `acquire` that would have got it. */
  prewarm(count: number): void {
    for (let index = 0; index < count; index++) {
      const making = this.#make(undefined);
      making.catch(() => undefined);
      this.#idle.push(making);
    }
  }

  /**
   * A namespace for one process; disposing it frees the address. `ip`: this address and no other.
   * @throws {TsbuildError} as ensureBridge does; ADDRESSES_EXHAUSTED, ADDRESS_IN_USE; the signal's reason
   */
  async acquire(signal: AbortSignal, { ip }: { readonly ip?: string | undefined } = {}): Promise<NetworkNamespace> {
    signal.throwIfAborted();
    const namespace = await ((ip === undefined ? this.#idle.shift() : undefined) ?? this.#make(ip));
    if (signal.aborted) {
      await namespace[Symbol.asyncDispose]();
      throw signal.reason;
    }
    this.#handedOut.add(namespace);
    return { ...namespace, [Symbol.asyncDispose]: () => this.#release(namespace) };
  }

  async #release(namespace: NetworkNamespace): Promise<void> {
    if (this.#handedOut.delete(namespace)) await namespace[Symbol.asyncDispose]();
  }

  async #make(ip: string | undefined): Promise<NetworkNamespace> {
    const { kernel, allowMetadata, stateDir } = this.#options;
    const bridge = await this.bridge();
    const isolated = this.#options.isolated ?? true;
    const lease = this.#lease(bridge, { ip, isolated });
    if (allowMetadata === true) await nftBatch([`add element ip ${TABLE} metadata { ${formatIpv4(lease.address)} }`]);
    const namespace = await makeNamespace(kernel, { bridge, lease, folder: join(stateDir, "namespaces"), isolated });
    if (allowMetadata !== true) return namespace;
    return {
      ...namespace,
      [Symbol.asyncDispose]: async () => {
        await nftBatch([`delete element ip ${TABLE} metadata { ${namespace.ip} }`]).catch(ignoreMissing);
        await namespace[Symbol.asyncDispose]();
      },
    };
  }

  #lease(bridge: Bridge, { ip, isolated }: { readonly ip: string | undefined; readonly isolated: boolean }): AddressLease {
    const folder = leaseFolder(this.#options.stateDir);
    const fixed = ip === undefined ? undefined : parseIpv4(ip);
    if (fixed !== undefined) return leaseFixedAddress(this.#options.kernel, folder, fixed);
    return leaseAddress(this.#options.kernel, folder, rangeOf(bridge, { isolated, settings: this.#settings }));
  }

  /** Frees everything, also what is still handed out. The bridge and its rules stay for the next process. */
  async [Symbol.asyncDispose](): Promise<void> {
    const idle = await Promise.allSettled(this.#idle.splice(0));
    const made = idle.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
    await Promise.all([...made, ...this.#handedOut].map((namespace) => namespace[Symbol.asyncDispose]()));
    this.#handedOut.clear();
    if (this.#bridge === undefined) return;
    await this.#bridge.catch(() => undefined);
    this.#use?.[Symbol.dispose]();
    this.#use = undefined;
    const { kernel, stateDir } = this.#options;
    await dismissForwarding(kernel, { stateDir, bridge: this.#settings.bridge, leases: leaseFolder(stateDir) });
  }
}

function leaseFolder(stateDir: string): string {
  return join(stateDir, "addresses");
}

/** What a container had that has outlived its tsbuild, and is now gone. */
export interface NetworkDetails {
  readonly stateDir: string;
  readonly kernel: Kernel;
  readonly ip: string;
  readonly ports: readonly PublishedPort[];
  readonly network?: NetworkSettings | undefined;
}

/** Clears away what is left of a dead container's network. Interfaces have gone with its namespace. Missing things are fine. */
export async function removeNetwork(details: NetworkDetails): Promise<void> {
  await unpublishAbandoned(details.ports);
  releaseAddress(leaseFolder(details.stateDir), details.ip);
  await dismissUnused(details);
}

/** Takes back what was opened in others' packet filters, unless somebody uses the network. For when its user may have been killed. */
export async function dismissUnused({
  kernel,
  stateDir,
  network,
}: Pick<NetworkPoolOptions, "kernel" | "stateDir" | "network">): Promise<void> {
  const { bridge } = network ?? DEFAULT_NETWORK;
  await dismissForwarding(kernel, { stateDir, bridge, leases: leaseFolder(stateDir) });
}
