/** The flags of `run`: Docker's, by their names and meanings. What follows the image's name belongs to the container. */
import { type Command, Option } from "commander";
import { TsbuildError } from "../../base/errors.js";
import type { LimitFlags } from "../build/flags.js";
import { flagParser, parseFlags, repeated, strings } from "../values/flags.js";
import { addRefused, checkRefused } from "./refused.js";
import { splitAtImage } from "./split-at-image.js";

/** What was given, as text, before it is understood. */
export interface RunFlags {
  readonly image: string;
  readonly command: readonly string[];
  readonly isInteractive: boolean;
  readonly terminal: boolean;
  readonly rm: boolean;
  readonly init: boolean;
  readonly privileged: boolean;
  readonly readOnly: boolean;
  readonly publishAll: boolean;
  readonly quiet: boolean;
  /** False: signals are for tsbuild itself. */
  readonly sigProxy: boolean;
  readonly name?: string | undefined;
  readonly hostname?: string | undefined;
  readonly user?: string | undefined;
  readonly workdir?: string | undefined;
  readonly entrypoint?: string | undefined;
  readonly network?: string | undefined;
  readonly ipc?: string | undefined;
  readonly uts?: string | undefined;
  readonly stopSignal?: string | undefined;
  readonly stopTimeout?: string | undefined;
  readonly pull?: string | undefined;
  readonly platform?: string | undefined;
  readonly cidfile?: string | undefined;
  readonly oomScoreAdj?: string | undefined;
  readonly memoryReservation?: string | undefined;
  readonly env: readonly string[];
  readonly envFile: readonly string[];
  readonly label: readonly string[];
  readonly labelFile: readonly string[];
  readonly volume: readonly string[];
  readonly mount: readonly string[];
  readonly tmpfs: readonly string[];
  readonly publish: readonly string[];
  readonly expose: readonly string[];
  readonly capAdd: readonly string[];
  readonly capDrop: readonly string[];
  readonly securityOpt: readonly string[];
  readonly addHost: readonly string[];
  readonly dns: readonly string[];
  readonly dnsSearch: readonly string[];
  readonly dnsOption: readonly string[];
  readonly groupAdd: readonly string[];
  readonly device: readonly string[];
  readonly sysctl: readonly string[];
  readonly insecureRegistry: readonly string[];
  readonly limits: LimitFlags;
}

/**
 * Reads the command line of `run`. Resolves to the help text when that is asked for.
 * @throws {TsbuildError} USAGE; UNSUPPORTED for a flag that can't be honoured
 */
export function parseRunFlags(args: readonly string[]): RunFlags | string {
  const program = runProgram();
  const { flags, rest } = splitAtImage(program.options, args);
  const help = parseFlags(program, flags);
  if (help !== undefined) return help;
  checkRefused(program);
  const [image, ...command] = rest;
  if (image === undefined)
    throw new TsbuildError("USAGE", "tsbuild run needs an image to run", { hint: "tsbuild run [flags] IMAGE [COMMAND …]" });
  return flagsOf({ image, command }, program.opts());
}

function runProgram(): Command {
  const program = flagParser("run")
    .usage("[flags] IMAGE [COMMAND] [ARGUMENT…]")
    .description("Runs a command in a new container, in the foreground.");
  for (const option of [...basicOptions(), ...fileOptions(), ...networkOptions(), ...securityOptions(), ...limitOptions()])
    program.addOption(option);
  addRefused(program);
  return program;
}

function basicOptions(): readonly Option[] {
  return [
    new Option("-i, --interactive", "pass standard input on"),
    new Option("-t, --tty", "give the command a terminal"),
    new Option("--rm", "remove the container, and its anonymous volumes, when it ends"),
    new Option("--name <name>", "name of the container (default: a random one)"),
    repeated("-e, --env <name=value>", "variable; a name alone takes it from the environment"),
    repeated("--env-file <path>", "file of variables, one a line"),
    new Option("-u, --user <user>", "name or uid, and after a colon group or gid"),
    new Option("-w, --workdir <path>", "working directory"),
    new Option("--entrypoint <command>", "instead of the image's ENTRYPOINT; empty: none"),
    new Option("-h, --hostname <name>", "host name (default: the beginning of the container's ID)"),
    repeated("-l, --label <name=value>", "label of the container"),
    repeated("--label-file <path>", "file of labels, one a line"),
    new Option("--init", "run an init program that reaps processes and passes signals on"),
    new Option("--stop-signal <signal>", "signal that asks it to stop"),
    new Option("--stop-timeout <seconds>", "how long a stop waits before it kills"),
    new Option("--pull <when>", "when to fetch the image: missing, always or never"),
    new Option("-q, --quiet", "say nothing about fetching the image"),
    new Option("--platform <os/arch>", "platform of the image"),
    new Option("--cidfile <path>", "write the container's ID to this file"),
    new Option("--sig-proxy <bool>", "pass signals on to the command (default: true)"),
    repeated("--insecure-registry <host>", "registry that may be spoken to in plain HTTP"),
  ];
}

function fileOptions(): readonly Option[] {
  return [
    repeated("-v, --volume <source:target>", "folder of the host, or volume, and where it appears; :ro for reading only"),
    repeated("--mount <fields>", "type=bind|volume|tmpfs,source=…,target=…[,readonly]"),
    repeated("--tmpfs <target>", "folder in memory, with options after a colon: size=64m,mode=1777"),
    new Option("--read-only", "the container's root can't be changed"),
  ];
}

function networkOptions(): readonly Option[] {
  return [
    new Option("--network <mode>", "bridge, none or host"),
    new Option("--net <mode>").hideHelp(),
    repeated("-p, --publish <port>", "[address:][port of the host:]port[/udp]; without an address 127.0.0.1"),
    new Option("-P, --publish-all", "publish every exposed port on a free port of the host"),
    repeated("--expose <port>", "ports that -P publishes"),
    repeated("--add-host <host:ip>", "line for /etc/hosts"),
    repeated("--dns <address>", "name server"),
    repeated("--dns-search <domain>", "search domain; . for none"),
    repeated("--dns-option <option>", "option of the resolver"),
    repeated("--dns-opt <option>", "").hideHelp(),
  ];
}

function securityOptions(): readonly Option[] {
  return [
    repeated("--cap-add <capability>", "capability to add, or ALL"),
    repeated("--cap-drop <capability>", "capability to take away, or ALL"),
    new Option("--privileged", "all capabilities and devices, no system call filter"),
    repeated("--security-opt <option>", "seccomp=unconfined, no-new-privileges"),
    repeated("--group-add <group>", "further group"),
    repeated("--device <path>", "device of the host: path[:path in the container][:rwm]"),
    repeated("--sysctl <name=value>", "kernel setting of the container's own namespaces"),
    new Option("--ipc <mode>", "private or host"),
    new Option("--uts <mode>", "host: the host's name"),
  ];
}

function limitOptions(): readonly Option[] {
  return [
    new Option("-m, --memory <size>", "memory, for example 512m"),
    new Option("--memory-swap <size>", "memory and swap together; -1: no limit on swap"),
    new Option("--memory-reservation <size>", "memory that is left to it when the host runs short"),
    new Option("--cpus <number>", "CPUs, for example 1.5"),
    new Option("--cpu-period <µs>", "period of the CPU quota"),
    new Option("--cpu-quota <µs>", "CPU time in each period"),
    new Option("-c, --cpu-shares <weight>", "weight against other processes"),
    new Option("--cpuset-cpus <list>", "CPUs to run on, for example 0-2,4"),
    new Option("--cpuset-mems <list>", "memory nodes to use"),
    new Option("--pids-limit <count>", "processes; -1: no limit"),
    new Option("--shm-size <size>", "size of /dev/shm"),
    repeated("--ulimit <name=soft:hard>", "limit of each process"),
    new Option("--oom-score-adj <number>", "how soon it is killed when the host runs out of memory: -1000 to 1000"),
    new Option("--cgroup-parent <path>", "cgroup below which the container's is made"),
  ];
}

function flagsOf({ image, command }: Pick<RunFlags, "image" | "command">, given: Readonly<Record<string, unknown>>): RunFlags {
  const isOn = (name: string): boolean => given[name] === true;
  const text = (name: string): string | undefined => (typeof given[name] === "string" ? given[name] : undefined);
  const list = (name: string): readonly string[] => strings(given[name]);
  return {
    image,
    command,
    isInteractive: isOn("interactive"),
    terminal: isOn("tty"),
    rm: isOn("rm"),
    init: isOn("init"),
    privileged: isOn("privileged"),
    readOnly: isOn("readOnly"),
    publishAll: isOn("publishAll"),
    quiet: isOn("quiet"),
    sigProxy: !["false", "0", "f"].includes((text("sigProxy") ?? "true").toLowerCase()),
    name: text("name"),
    hostname: text("hostname"),
    user: text("user"),
    workdir: text("workdir"),
    entrypoint: text("entrypoint"),
    network: text("network") ?? text("net"),
    ipc: text("ipc"),
    uts: text("uts"),
    stopSignal: text("stopSignal"),
    stopTimeout: text("stopTimeout"),
    pull: text("pull"),
    platform: text("platform"),
    cidfile: text("cidfile"),
    oomScoreAdj: text("oomScoreAdj"),
    memoryReservation: text("memoryReservation"),
    env: list("env"),
    envFile: list("envFile"),
    label: list("label"),
    labelFile: list("labelFile"),
    volume: list("volume"),
    mount: list("mount"),
    tmpfs: list("tmpfs"),
    publish: list("publish"),
    expose: list("expose"),
    capAdd: list("capAdd").flatMap((value) => value.split(",")),
    capDrop: list("capDrop").flatMap((value) => value.split(",")),
    securityOpt: list("securityOpt"),
    addHost: list("addHost"),
    dns: list("dns"),
    dnsSearch: list("dnsSearch"),
    dnsOption: [...list("dnsOption"), ...list("dnsOpt")],
    groupAdd: list("groupAdd"),
    device: list("device"),
    sysctl: list("sysctl"),
    insecureRegistry: list("insecureRegistry").flatMap((value) => value.split(",")),
    limits: {
      memory: text("memory"),
      memorySwap: text("memorySwap"),
      cpus: text("cpus"),
      cpuPeriod: text("cpuPeriod"),
      cpuQuota: text("cpuQuota"),
      cpuShares: text("cpuShares"),
      cpusetCpus: text("cpusetCpus"),
      cpusetMems: text("cpusetMems"),
      pidsLimit: text("pidsLimit"),
      shmSize: text("shmSize"),
      ulimit: list("ulimit"),
      cgroupParent: text("cgroupParent"),
    },
  };
}
