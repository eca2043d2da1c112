/**
 * Other programs' packet filters. An accept in our table doesn't override another's drop, so where a foreign chain at
 * the forward hook drops by default (Docker, ufw), a marked pair of accepts goes there, and goes again with the last user.
 */
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { TsbuildError } from "../../base/errors.js";
import type { Kernel } from "../../sys/types.js";
import { isAnyLeased } from "./address-leases.js";
import { whenUnused } from "./bridge-users.js";
import { CommandError, command, isObject, nftBatch, nftList } from "./commands.js";
import { withLock } from "./lock.js";
import { TABLE } from "./rules.js";

export interface ForeignChain {
  readonly family: string;
  readonly table: string;
  readonly chain: string;
}

const MARK = "tsbuild";
/** Docker's place for the administrator's own rules; it is called first, and Docker never empties it. */
const USER_CHAIN = "DOCKER-USER";
/** The firewall whose zones say what is forwarded; rules put into its own table vanish at its next reload. */
const FIREWALLD = "firewalld";

/**
 * Lets our bridge through every foreign chain that would drop its packets.
 * @throws {TsbuildError} FORWARDING_BLOCKED naming a chain that can't be opened
 */
export async function admitForwarding(
  kernel: Kernel,
  { stateDir, bridge, signal }: { readonly stateDir: string; readonly bridge: string; readonly signal?: AbortSignal | undefined },
): Promise<void> {
  const listed = await nftList("list", "chains");
  const targets = openingsIn(listed);
  const hasFirewalld = isFirewalldActive(listed);
  if (targets.length === 0 && !hasFirewalld) return;
  await withLock(kernel, join(stateDir, "foreign.lock"), {
    signal,
    body: async () => {
      writeFileSync(notePath(stateDir, bridge), "");
      for (const target of targets) await admitIn(target, bridge);
      if (hasFirewalld) await command("firewall-cmd", ["--zone=trusted", `--change-interface=${bridge}`]);
    },
  });
}

/** Takes the accepts back when no address is leased any more. */
export async function dismissForwarding(
  kernel: Kernel,
  { stateDir, bridge, leases }: { readonly stateDir: string; readonly bridge: string; readonly leases: string },
): Promise<void> {
  const note = notePath(stateDir, bridge);
  if (!existsSync(note)) return;
  await withLock(kernel, join(stateDir, "foreign.lock"), {
    body: () =>
      whenUnused(kernel, { stateDir, bridge }, async () => {
        if (!existsSync(note) || isAnyLeased(kernel, leases)) return;
        const listed = await nftList("list", "chains");
        for (const target of openingsIn(listed)) await dismissIn(target, bridge);
        if (isFirewalldActive(listed)) await command("firewall-cmd", ["--zone=trusted", `--remove-interface=${bridge}`]);
        rmSync(note, { force: true });
      }),
  });
}

/** For `doctor`: chains at the forward hook that drop what nobody accepts. */
export async function droppingChains(): Promise<readonly ForeignChain[]> {
  return droppingIn(await nftList("list", "chains"));
}

function notePath(stateDir: string, bridge: string): string {
  return join(stateDir, `foreign-${bridge}`);
}

/** Where the accepts go, for each chain that drops: Docker's user chain when its table has one, else the chain itself. */
export function openingsIn(listed: readonly Readonly<Record<string, unknown>>[]): readonly ForeignChain[] {
  const chains = chainsIn(listed);
  const openings = droppingIn(listed).map((dropping) => {
    const user = chains.find((other) => other.chain === USER_CHAIN && other.family === dropping.family && other.table === dropping.table);
    return user ?? dropping;
  });
  return openings.filter((opening, index) => openings.findIndex((other) => nameOf(other) === nameOf(opening)) === index);
}

function droppingIn(listed: readonly Readonly<Record<string, unknown>>[]): readonly ForeignChain[] {
  return listed.flatMap(({ chain }) => {
    if (!isObject(chain) || chain["hook"] !== "forward" || chain["policy"] !== "drop") return [];
    const found = foreignChain(chain);
    return found === undefined || found.table === TABLE || !["ip", "inet"].includes(found.family) ? [] : [found];
  });
}

function isFirewalldActive(listed: readonly Readonly<Record<string, unknown>>[]): boolean {
  return chainsIn(listed).some(({ table }) => table === FIREWALLD);
}

function chainsIn(listed: readonly Readonly<Record<string, unknown>>[]): readonly ForeignChain[] {
  return listed.flatMap(({ chain }) => {
    const found = isObject(chain) ? foreignChain(chain) : undefined;
    return found === undefined ? [] : [found];
  });
}

function foreignChain(value: Readonly<Record<string, unknown>>): ForeignChain | undefined {
  const { family, table, name } = value;
  return typeof family === "string" && typeof table === "string" && typeof name === "string" ? { family, table, chain: name } : undefined;
}

function nameOf({ family, table, chain }: ForeignChain): string {
  return `${family} ${table} ${chain}`;
}

async function admitIn(target: ForeignChain, bridge: string): Promise<void> {
  try {
    if ((await handlesOf(target, bridge)).length > 0) return;
    await nftBatch(
      ["iifname", "oifname"].map((side) => `insert rule ${nameOf(target)} ${side} "${bridge}" counter accept comment "${markOf(bridge)}"`),
    );
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    throw new TsbuildError(
      "FORWARDING_BLOCKED",
      `the packet filter chain ${nameOf(target)} drops the containers' packets, and tsbuild can't add an exception there`,
      {
        hint: `accept packets from and to ${bridge} there, or use --network host`,
        cause: error,
      },
    );
  }
}

async function dismissIn(target: ForeignChain, bridge: string): Promise<void> {
  const handles = await handlesOf(target, bridge);
  if (handles.length > 0) await nftBatch(handles.map((handle) => `delete rule ${nameOf(target)} handle ${handle}`));
}

function markOf(bridge: string): string {
  return `${MARK}:${bridge}`;
}

/** Of the rules that carry our mark. */
async function handlesOf(target: ForeignChain, bridge: string): Promise<readonly number[]> {
  const listed = await nftList("-a", "list", "chain", target.family, target.table, target.chain);
  return listed.flatMap(({ rule }) =>
    isObject(rule) && rule["comment"] === markOf(bridge) && typeof rule["handle"] === "number" ? [rule["handle"]] : [],
  );
}

/** True when the older packet filter, which `nft` doesn't list, is in use too. */
export function hasLegacyTables(): boolean {
  return existsSync("/proc/self/net/ip_tables_names") && readFileSync("/proc/self/net/ip_tables_names", "latin1").includes("filter");
}
