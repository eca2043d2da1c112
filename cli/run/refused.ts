/** Flags of `docker run` that are understood and can't be honoured, each with what to do instead. */
import type { Command } from "commander";
import { Option } from "commander";
import { TsbuildError } from "../../base/errors.js";

const LOG = "output goes to the terminal; logs are not kept yet";
const HEALTH = "health checks are not supported yet";
const BLOCK = "limits on block devices are not supported";
const OTHER_NETWORKS = "networks of one's own are not supported yet";

const REFUSED: readonly (readonly [flags: string, sentence: string])[] = [
  ["-d, --detach", "running in the background is not supported yet; leave it out, or put tsbuild in the background"],
  ["-a, --attach <stream>", "stdout and stderr are always attached, and stdin with -i"],
  ["--detach-keys <keys>", "detaching is not supported yet"],
  ["--annotation <text>", "annotations are not supported; labels (--label) are"],
  ["--blkio-weight <n>", BLOCK],
  ["--blkio-weight-device <text>", BLOCK],
  ["--device-read-bps <text>", BLOCK],
  ["--device-read-iops <text>", BLOCK],
  ["--device-write-bps <text>", BLOCK],
  ["--device-write-iops <text>", BLOCK],
  ["--cpu-rt-period <µs>", "realtime scheduling is not supported"],
  ["--cpu-rt-runtime <µs>", "realtime scheduling is not supported"],
  ["--device-cgroup-rule <rule>", "rules for devices are not supported; --device gives one device"],
  ["--domainname <name>", "a NIS domain name is not supported; --hostname may have dots"],
  ["--gpus <request>", "GPUs are not supported; --device can pass their devices"],
  ["--health-cmd <command>", HEALTH],
  ["--health-interval <duration>", HEALTH],
  ["--health-retries <n>", HEALTH],
  ["--health-start-interval <duration>", HEALTH],
  ["--health-start-period <duration>", HEALTH],
  ["--health-timeout <duration>", HEALTH],
  ["--ip <address>", OTHER_NETWORKS],
  ["--ip6 <address>", "the network has IPv4 only"],
  ["--isolation <text>", "this is for Windows only"],
  ["--kernel-memory <size>", "the kernel has no such limit any more; --memory counts all"],
  ["--link <container>", "links are not supported; use --add-host, or a published port"],
  ["--link-local-ip <address>", OTHER_NETWORKS],
  ["--log-driver <name>", LOG],
  ["--log-opt <text>", LOG],
  ["--mac-address <address>", "a MAC address of one's own is not supported; it follows from the IP address"],
  ["--memory-swappiness <n>", "swappiness is not supported; --memory-swap limits swap"],
  ["--network-alias <name>", OTHER_NETWORKS],
  ["--oom-kill-disable", "a container that reaches its memory limit is always killed"],
  ["--pid <mode>", "every container has a pid namespace of its own: it couldn't be ended surely otherwise"],
  ["--runtime <name>", "TSBUILD_RUNTIME in the environment chooses the OCI runtime"],
  ["--storage-opt <text>", "a limit on the container's size is not supported"],
  ["--volume-driver <name>", "volumes are folders of the store; other drivers are not supported"],
  ["--volumes-from <container>", "name the volumes with -v instead"],
];

/** Docker's flags for what tsbuild does anyway: the value that says so, and what another one would be. */
const ONLY: readonly (readonly [flags: string, accepted: readonly string[], sentence: string])[] = [
  ["--restart <policy>", ["no", ""], "restarting is not supported yet; a supervisor such as systemd can start tsbuild again"],
  ["--cgroupns <mode>", ["private", ""], "every container has a cgroup namespace of its own"],
  ["--userns <mode>", ["host", ""], "user namespaces are not supported yet"],
];

/** What tsbuild does anyway, without a value. */
const HARMLESS: readonly string[] = ["--no-healthcheck", "--disable-content-trust"];

/** Makes the flags known, so that they are refused by a sentence of their own. */
export function addRefused(program: Command): void {
  for (const [flags] of [...REFUSED, ...ONLY]) program.addOption(new Option(flags).hideHelp());
  for (const flag of HARMLESS) program.addOption(new Option(flag).hideHelp());
}

/** @throws {TsbuildError} UNSUPPORTED for the first that was given */
export function checkRefused(program: Command): void {
  const given: Readonly<Record<string, unknown>> = program.opts();
  const find = (flags: string): readonly [name: string, value: unknown] => {
    const option = program.options.find((known) => known.flags === flags);
    return [option?.long ?? flags, option === undefined ? undefined : given[option.attributeName()]];
  };
  for (const [flags, sentence] of REFUSED) {
    const [name, value] = find(flags);
    if (value !== undefined) throw new TsbuildError("UNSUPPORTED", `${name}: ${sentence}`);
  }
  for (const [flags, accepted, sentence] of ONLY) {
    const [name, value] = find(flags);
    if (typeof value === "string" && !accepted.includes(value)) throw new TsbuildError("UNSUPPORTED", `${name} ${value}: ${sentence}`);
  }
}
