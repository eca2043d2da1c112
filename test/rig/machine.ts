/**
 * What a program can leave behind on the machine. Taken before and after, the difference is what a test left.
 * Other programs may use tsbuild at the same time: what has a living process in it that is not the test's is theirs.
 */
import { execFileSync } from "node:child_process";
import { readFileSync, readdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "./process.js";

/** Who has which address: files that stay, and are nothing but names to lock. */
const NETWORK_STATE = "/run/tsbuild";
const CGROUP_ROOT = "/sys/fs/cgroup";

/** Each item is a line a person can go and look at: `cgroup /sys/fs/cgroup/pids/tsbuild/step-1`. */
export type MachineState = ReadonlySet<string>;

/** Everything that is tied to no store: cgroups, network links, nft elements and foreign rules, files in /run. */
export function machineState(): MachineState {
  return new Set([...cgroups(), ...links(), ...nftLines(), ...runFiles()]);
}

/** Everything that belongs to the store: processes, mounts in whatever namespace, temporary files, leases. */
export function storeState(root: string): MachineState {
  return new Set([...processesOf(root), ...hostMounts(root), ...temporaryFiles(root)]);
}

/** What is there now and was not before. Asks for up to `withinMs`, since the kernel takes namespaces down in its own time. */
export async function leftovers(before: MachineState, look: () => MachineState, withinMs: number = 5000): Promise<readonly string[]> {
  let found: readonly string[] = [];
  await eventually(() => {
    found = [...look()].filter((item) => !before.has(item));
    return found.length === 0 ? true : undefined;
  }, withinMs);
  return found;
}

/** Pids of processes that were started for the store, or have something of it mounted. */
export function processesOf(root: string): readonly string[] {
  return allPids().flatMap((pid) => {
    if (pid === process.pid) return [];
    const [command, environment, mounts] = ["cmdline", "environ", "mountinfo"].map((name) => readQuietly(`/proc/${pid}/${name}`));
    const isOurs = [command, environment, mounts].some((text) => text?.includes(root) === true) && command !== "";
    return isOurs && parentOf(pid) !== process.pid ? [`process ${pid} ${command?.replaceAll("\0", " ")}`] : [];
  });
}

/** Mounts that name the store, as this process and as the machine's first process see them. */
export function hostMounts(root: string): readonly string[] {
  return ["self", "1"].flatMap((pid) =>
    (readQuietly(`/proc/${pid}/mountinfo`) ?? "")
      .split("\n")
      .filter((line) => line.includes(`${root}/`))
      .map((line) => `mount seen by ${pid}: ${line}`),
  );
}

/** Temporary files and leases of the store. A store that is in use has some. */
export function temporaryFiles(root: string): readonly string[] {
  const folder = join(root, "v1");
  return ["tmp", "leases"].flatMap((name) => listQuietly(join(folder, name)).map((file) => `file ${join(folder, name, file)}`));
}

/** Namespaces of `pid` and of all below it that are not this process's own: `net:[4026532]`. */
export function namespacesBelow(pid: number): readonly string[] {
  const own = new Set(namespacesOf(process.pid));
  return [...new Set(descendants(pid).flatMap(namespacesOf))].filter((name) => !own.has(name));
}

/** `pid` and all below it. */
export function descendants(pid: number): readonly number[] {
  const children = (readQuietly(`/proc/${pid}/task/${pid}/children`) ?? "").split(" ").filter((text) => text !== "");
  return [pid, ...children.map(Number).flatMap(descendants)];
}

/** Which of the namespaces a process is still in, or keeps by a descriptor or a mount. */
export function livingNamespaces(names: readonly string[]): readonly string[] {
  const wanted = new Set(names);
  const living = new Set<string>();
  for (const pid of allPids()) {
    for (const name of [...namespacesOf(pid), ...descriptorsOf(pid), ...mountedNamespaces(pid)]) if (wanted.has(name)) living.add(name);
  }
  return [...living];
}

/** False for a zombie, too. */
export function isRunning(pid: number): boolean {
  const stat = readQuietly(`/proc/${pid}/stat`);
  return stat !== undefined && !/^\d+ \(.*\) [ZX]/s.test(stat);
}

function allPids(): readonly number[] {
  return readdirSync("/proc").flatMap((name) => (/^\d+$/.test(name) && isRunning(Number(name)) ? [Number(name)] : []));
}

function parentOf(pid: number): number {
  const stat = readQuietly(`/proc/${pid}/stat`) ?? "";
  return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
}

function namespacesOf(pid: number): readonly string[] {
  return ["mnt", "pid", "net", "ipc", "uts", "cgroup"].flatMap((name) => linkQuietly(`/proc/${pid}/ns/${name}`));
}

function descriptorsOf(pid: number): readonly string[] {
  return listQuietly(`/proc/${pid}/fd`)
    .flatMap((fd) => linkQuietly(`/proc/${pid}/fd/${fd}`))
    .filter((target) => target.includes(":["));
}

function mountedNamespaces(pid: number): readonly string[] {
  return [...(readQuietly(`/proc/${pid}/mountinfo`) ?? "").matchAll(/ ((?:net|mnt|pid|ipc|uts|cgroup):\[\d+\]) /g)].map(
    ([, name]) => name ?? "",
  );
}

/** Groups of tsbuild in every hierarchy. One that has a process in it is in use. */
function cgroups(): readonly string[] {
  const hierarchies = [CGROUP_ROOT, ...listQuietly(CGROUP_ROOT).map((name) => join(CGROUP_ROOT, name))];
  return hierarchies.flatMap((path) =>
    ["tsbuild", "tsbuild-test"].flatMap((parent) =>
      listQuietly(join(path, parent))
        .filter((name) => /^(step|ctr|run)?-?[0-9a-f]{8,}|^step-/.test(name))
        .map((name) => join(path, parent, name))
        .filter((group) => !isInUse(group))
        .map((group) => `cgroup ${group}`),
    ),
  );
}

function isInUse(group: string): boolean {
  const here = (readQuietly(join(group, "cgroup.procs")) ?? "").trim() !== "";
  return here || (readQuietly(join(group, "c/cgroup.procs")) ?? "").trim() !== "";
}

/** The host's ends of containers' networks. One whose namespace a living process keeps by a bind is in use. */
function links(): readonly string[] {
  const found = listQuietly("/sys/class/net").filter((name) => /^tsb[0-9a-f]{8}$/.test(name));
  if (found.length === 0) return [];
  const mounts = allPids().map((pid) => readQuietly(`/proc/${pid}/mountinfo`) ?? "");
  return found.filter((name) => !mounts.some((text) => text.includes(`/namespaces/${addressOf(name)} `))).map((name) => `link ${name}`);
}

/** `tsb0a810002` is the end of 10.129.0.2. */
function addressOf(link: string): string {
  return [3, 5, 7, 9].map((at) => Number.parseInt(link.slice(at, at + 2), 16)).join(".");
}

/** Elements that containers put into tsbuild's tables, and rules with its mark in the tables of others. */
function nftLines(): readonly string[] {
  const mounts = allPids().map((pid) => readQuietly(`/proc/${pid}/mountinfo`) ?? "");
  const isInUse = (text: string): boolean =>
    (text.match(/\d+\.\d+\.\d+\.\d+/g) ?? []).some((ip) => mounts.some((mount) => mount.includes(`/namespaces/${ip} `)));
  return nftObjects().flatMap(({ map, set, rule }) => {
    const elements = map ?? set;
    if (elements?.table === "tsbuild" && ["ports", "ports_any", "metadata"].includes(elements.name ?? "")) {
      const lines = (elements.elem ?? []).map((element) => `nft ${elements.name}: ${JSON.stringify(element)}`);
      return lines.filter((line) => !isInUse(line));
    }
    const isMarked = rule?.comment?.startsWith("tsbuild") === true;
    return isMarked && mounts.every((mount) => !mount.includes("/namespaces/")) ? [`nft ${rule.table} ${rule.chain}: ${rule.comment}`] : [];
  });
}

interface NftObject {
  readonly table?: string;
  readonly chain?: string;
  readonly name?: string;
  readonly comment?: string;
  readonly elem?: readonly unknown[];
}

function nftObjects(): readonly Readonly<Partial<Record<"map" | "set" | "rule", NftObject>>>[] {
  const text = nftOutput("--json");
  if (text === "") return [];
  return (JSON.parse(text) as { nftables: Readonly<Partial<Record<"map" | "set" | "rule", NftObject>>>[] }).nftables;
}

export function nftRuleset(): string {
  return nftOutput();
}

function nftOutput(...flags: readonly string[]): string {
  try {
    return execFileSync("nft", [...flags, "list", "ruleset"], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  } catch {
    return "";
  }
}

function runFiles(): readonly string[] {
  return [...listQuietly("/run").map((name) => `/run/${name}`), ...listQuietly("/run/netns").map((name) => `/run/netns/${name}`)]
    .filter((path) => /tsbuild/.test(path) && path !== NETWORK_STATE)
    .map((path) => `file ${path}`);
}

function readQuietly(path: string): string | undefined {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return undefined;
  }
}

function linkQuietly(path: string): readonly string[] {
  try {
    return [readlinkSync(path)];
  } catch {
    return [];
  }
}

function listQuietly(path: string): readonly string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}
