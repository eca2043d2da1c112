/** What the flags of `run` ask of the worker. */
import { isIP } from "node:net";
import { constants } from "node:os";
import { resolve } from "node:path";
import { TsbuildError } from "../../base/errors.js";
import { parsePlatform } from "../../base/platform.js";
import type { Resources, SharedNamespaces } from "../../executor/types.js";
import { parseUlimit } from "../../executor/ulimit.js";
import type { NetworkRequest, RunRequest } from "../../worker/containers/types.js";
import { parseExtraHosts } from "../build/extra-hosts.js";
import { parseLimits } from "../build/limits.js";
import { insecureRegistries } from "../values/insecure-registries.js";
import { parseCount, parseSize } from "../values/numbers.js";
import type { Caller } from "./environment.js";
import { parseEnvironment, parseLabels } from "./environment.js";
import type { RunFlags } from "./flags.js";
import { parseMount, parseTmpfs, parseVolume } from "./mounts.js";
import { parseExpose, parsePublish } from "./ports.js";
import { parseDevice, parseSecurity, parseSysctls } from "./security.js";

const HOSTNAME = /^[a-zA-Z0-9]([a-zA-Z0-9.-]{0,62})$/;
const LEAST_MEMORY_BYTES = 6 * 1024 * 1024;

/** @throws {TsbuildError} USAGE, UNSUPPORTED */
export function runRequest(flags: RunFlags, caller: Caller): RunRequest {
  const network = networkOf(flags, caller);
  const sharedNamespaces = sharedOf(flags);
  return {
    image: flags.image,
    command: flags.command,
    platform: read(flags.platform, parsePlatform),
    pull: pullOf(flags.pull ?? "missing"),
    name: read(flags.name, (name) => name.replace(/^\//, "")),
    entrypoint: read(flags.entrypoint, (command) => (command === "" ? [] : [command])),
    env: parseEnvironment(flags.env, flags.envFile, caller),
    user: flags.user,
    workdir: flags.workdir,
    hostname: read(flags.hostname, checkHostname),
    groups: flags.groupAdd,
    labels: parseLabels(flags.label, flags.labelFile, caller),
    mounts: [
      ...flags.volume.map((text) => parseVolume(text, caller.cwd)),
      ...flags.mount.map((text) => parseMount(text, caller.cwd)),
      ...flags.tmpfs.map(parseTmpfs),
    ],
    network,
    security: parseSecurity(flags),
    resources: resourcesOf(flags),
    devices: flags.device.map(parseDevice),
    sysctls: parseSysctls(flags.sysctl, { sharesNetwork: network.mode === "host", sharesIpc: sharedNamespaces.ipc !== undefined }),
    sharedNamespaces,
    cgroupParent: flags.limits.cgroupParent,
    init: flags.init,
    terminal: flags.terminal,
    isInteractive: flags.isInteractive,
    removesItself: flags.rm,
    stopSignal: read(flags.stopSignal, parseSignal),
    stopTimeoutSec: read(flags.stopTimeout, (text) => parseCount("--stop-timeout", text, -1)),
    cidFile: read(flags.cidfile, (path) => resolve(caller.cwd, path)),
    insecureRegistries: insecureRegistries(flags.insecureRegistry, caller.env),
  };
}

function read<V>(text: string | undefined, parse: (text: string) => V): V | undefined {
  return text === undefined ? undefined : parse(text);
}

function pullOf(text: string): RunRequest["pull"] {
  if (text === "missing" || text === "always" || text === "never") return text;
  throw new TsbuildError("USAGE", `--pull ${text}: it is missing, always or never`);
}

function checkHostname(name: string): string {
  if (HOSTNAME.test(name)) return name;
  throw new TsbuildError("USAGE", `invalid hostname: "${name}"`, { hint: "letters, digits, dots and hyphens, at most 63" });
}

/** `USR1`, `SIGUSR1` or `10` as `SIGUSR1`. */
function parseSignal(text: string): string {
  const numbers: Readonly<Record<string, number>> = constants.signals;
  const name = /^\d+$/.test(text)
    ? Object.keys(numbers).find((signal) => numbers[signal] === Number(text))
    : `SIG${text.toUpperCase().replace(/^SIG/, "")}`;
  if (name !== undefined && numbers[name] !== undefined) return name;
  throw new TsbuildError("USAGE", `--stop-signal: invalid signal: ${text}`, { hint: "for example SIGTERM or SIGQUIT" });
}

function networkOf(flags: RunFlags, { env }: Caller): NetworkRequest {
  const defaultAddress = env["TSBUILD_PUBLISH"] || "127.0.0.1";
  if (isIP(defaultAddress) !== 4)
    throw new TsbuildError("USAGE", `TSBUILD_PUBLISH: "${defaultAddress}" is not an IPv4 address`, { hint: "for example 0.0.0.0" });
  const wrong = flags.dns.find((address) => isIP(address) === 0);
  if (wrong !== undefined) throw new TsbuildError("USAGE", `--dns: ${wrong} is not an ip address`);
  return {
    mode: networkMode(flags.network ?? "bridge"),
    ports: flags.publish.flatMap((text) => parsePublish(text, defaultAddress)),
    publishesAll: flags.publishAll,
    defaultAddress,
    exposed: flags.expose.flatMap(parseExpose),
    extraHosts: parseExtraHosts(flags.addHost),
    nameservers: flags.dns,
    search: flags.dnsSearch,
    options: flags.dnsOption,
  };
}

function networkMode(text: string): NetworkRequest["mode"] {
  if (text === "default" || text === "bridge" || text === "") return "bridge";
  if (text === "none" || text === "host") return text;
  throw new TsbuildError("UNSUPPORTED", `--network ${text}: network ${text} not found; there are bridge, none and host`, {
    hint: "networks of one's own are not supported yet",
  });
}

function sharedOf({ ipc = "private", uts = "", hostname }: RunFlags): SharedNamespaces {
  if (!["private", "shareable", "host", ""].includes(ipc)) throw new TsbuildError("UNSUPPORTED", `--ipc ${ipc}: it is private or host`);
  if (uts !== "" && uts !== "host")
    throw new TsbuildError("USAGE", `--uts: invalid UTS mode: ${uts}`, { hint: "leave it out, or write host" });
  if (uts === "host" && hostname !== undefined) throw new TsbuildError("USAGE", "conflicting options: hostname and the UTS mode");
  return { ...(ipc === "host" ? { ipc: { type: "host" } as const } : {}), ...(uts === "host" ? { uts: { type: "host" } as const } : {}) };
}

function resourcesOf({ limits, memoryReservation, oomScoreAdj }: RunFlags): Resources {
  // Docker's words for no limit at all.
  const isUnlimited = limits.pidsLimit === "-1" || limits.pidsLimit === "0";
  const { ulimits, cgroupParent: _parent, ...rest } = parseLimits({ ...limits, pidsLimit: isUnlimited ? undefined : limits.pidsLimit });
  if (rest.memoryBytes !== undefined && rest.memoryBytes < LEAST_MEMORY_BYTES) {
    throw new TsbuildError("USAGE", "Minimum memory limit allowed is 6MB", { hint: `--memory was ${limits.memory ?? ""}` });
  }
  return {
    ...rest,
    ...(memoryReservation === undefined ? {} : { memoryReservationBytes: parseSize("--memory-reservation", memoryReservation) }),
    ...(oomScoreAdj === undefined ? {} : { oomScoreAdj: parseScore(oomScoreAdj) }),
    ...(ulimits === undefined ? {} : { ulimits: ulimits.map(parseUlimit) }),
  };
}

function parseScore(text: string): number {
  const score = parseCount("--oom-score-adj", text, -1000);
  if (score <= 1000) return score;
  throw new TsbuildError("USAGE", `Invalid value ${text}, range for oom score adj is [-1000, 1000]`);
}
