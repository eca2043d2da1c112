/** The flags of `build`: Docker's and buildx's, by their names and meanings. */
import { type Command, Option } from "commander";
import { TsbuildError } from "../../base/errors.js";
import { type Call, parseCall } from "./call.js";
import { flagParser, parseFlags, repeated, strings } from "../values/flags.js";

/** What was given, as text, before it is understood. */
export interface BuildFlags {
  readonly context: string;
  readonly tag: readonly string[];
  readonly file?: string | undefined;
  readonly target?: string | undefined;
  readonly buildArg: readonly string[];
  readonly buildArgFile: readonly string[];
  readonly ignorefile?: string | undefined;
  readonly platform: readonly string[];
  readonly label: readonly string[];
  readonly annotation: readonly string[];
  readonly secret: readonly string[];
  readonly ssh: readonly string[];
  readonly noCache: boolean;
  readonly noCacheFilter: readonly string[];
  readonly buildContext: readonly string[];
  readonly addHost: readonly string[];
  readonly network: string;
  readonly dns: readonly string[];
  readonly dnsSearch: readonly string[];
  readonly dnsOption: readonly string[];
  readonly resource: readonly string[];
  readonly allow: readonly string[];
  readonly output: readonly string[];
  readonly iidfile?: string | undefined;
  readonly metadataFile?: string | undefined;
  readonly progress?: string | undefined;
  readonly quiet: boolean;
  readonly pull?: string | undefined;
  readonly load: boolean;
  readonly push: boolean;
  readonly insecureRegistry: readonly string[];
  readonly maxParallelism?: string | undefined;
  readonly limits: LimitFlags;
  readonly call: Call;
}

export interface LimitFlags {
  readonly memory?: string | undefined;
  readonly memorySwap?: string | undefined;
  readonly cpus?: string | undefined;
  readonly cpuPeriod?: string | undefined;
  readonly cpuQuota?: string | undefined;
  readonly cpuShares?: string | undefined;
  readonly cpusetCpus?: string | undefined;
  readonly cpusetMems?: string | undefined;
  readonly pidsLimit?: string | undefined;
  readonly shmSize?: string | undefined;
  readonly ulimit: readonly string[];
  readonly cgroupParent?: string | undefined;
}

/** Docker's flags that are understood and can't be honoured, each with what to do instead. */
const REFUSED: readonly (readonly [flags: string, sentence: string])[] = [
  ["--attest <text>", "attestations are not supported yet"],
  ["--builder <name>", "tsbuild has no builder instances: it is the builder"],
  ["--cache-from <text>", "caches from elsewhere are not supported yet; the local one is always used"],
  ["--cache-to <text>", "writing the cache elsewhere is not supported yet; the local one is always written"],
  ["--isolation <text>", "this is for Windows only"],
  ["--policy <text>", "policies are not supported yet"],
  ["--security-opt <text>", "steps always run with the default profile; RUN --security=insecure with --allow security.insecure lifts it"],
  ["--squash", "squashing is not supported; copy what you need into a last stage"],
];

/** Docker's flags for what tsbuild does anyway (or, said to be off, never does). */
const HARMLESS: readonly string[] = ["--rm", "--force-rm"];
/** Off is what tsbuild does; on is refused. */
const ONLY_OFF: readonly (readonly [flag: string, what: string])[] = [
  ["--provenance", "provenance"],
  ["--sbom", "a bill of materials"],
];

/**
 * Reads the command line of `build`. Resolves to the help text when that is asked for.
 * @throws {TsbuildError} USAGE; UNSUPPORTED for a flag that can't be honoured
 */
export function parseBuildFlags(args: readonly string[]): BuildFlags | string {
  const program = buildProgram();
  const help = parseFlags(program, args);
  if (help !== undefined) return help;
  const given: Readonly<Record<string, unknown>> = program.opts();
  refuseUnsupported(program, given);
  const [context = ""] = program.args;
  return flagsOf(context, given);
}

function buildProgram(): Command {
  const program = flagParser("build")
    .usage("[flags] CONTEXT")
    .description("Builds an image from the Dockerfile in the folder CONTEXT.")
    .argument("<context>");
  for (const option of takenOptions()) program.addOption(option);
  for (const [flags] of REFUSED) program.addOption(new Option(flags).hideHelp());
  for (const flag of HARMLESS) program.addOption(new Option(flag).hideHelp());
  for (const [flag] of ONLY_OFF) program.addOption(new Option(`${flag} <mode>`).hideHelp());
  return program;
}

function takenOptions(): readonly Option[] {
  return [
    repeated("-t, --tag <name>", "name of the image, name[:tag]; may be repeated"),
    new Option("-f, --file <path>", "Dockerfile (default: CONTEXT/Dockerfile); - reads standard input"),
    new Option("--target <stage>", "stage to build (default: the last)"),
    repeated("--build-arg <name=value>", "value of an ARG; a name alone takes it from the environment"),
    repeated("--build-arg-file <file>", "file of values of ARGs, NAME=value a line; --build-arg goes before it"),
    new Option("--ignorefile <file>", "takes the place of .dockerignore"),
    repeated("--platform <list>", "platforms to build for, for example linux/amd64,linux/arm64"),
    repeated("--label <name=value>", "label of the image"),
    repeated("--annotation <text>", "annotation of the image, [manifest|index|manifest-descriptor|index-descriptor[PLATFORM]:]name=value"),
    repeated("--secret <id=…>", "secret for RUN --mount=type=secret: id=NAME,src=FILE or id=NAME,env=VARIABLE"),
    repeated("--ssh <id=…>", "agent for RUN --mount=type=ssh and git: default, or id=SOCKET, or id=KEYFILE[,KEYFILE…]"),
    new Option("--no-cache", "run every step anew"),
    repeated("--no-cache-filter <stages>", "run the steps of these stages anew"),
    repeated("--build-context <name=where>", "folder, docker-image://REF or oci-layout://FOLDER@DIGEST under a name"),
    repeated("--add-host <host:ip>", "line for /etc/hosts in RUN steps"),
    new Option("--network <mode>", "network of RUN steps: default, none or host").default("default"),
    repeated("--dns <address>", "name server of RUN steps"),
    repeated("--dns-search <domain>", "search domain of RUN steps; . for none"),
    repeated("--dns-option <option>", "option of the resolver in RUN steps"),
    repeated("--allow <entitlement>", "allow network.host or security.insecure"),
    repeated("-o, --output <spec>", "where the result goes: FOLDER, -, or type=image|registry|oci|docker|local|tar,dest=…"),
    new Option("--load", "keep the image in the local store (the default with -t)"),
    new Option("--push", "push the image to the registry that each of its names tells"),
    new Option("--iidfile <file>", "write the image ID into a file"),
    new Option("--metadata-file <file>", "write facts about the build into a file, as JSON"),
    new Option("--progress <mode>", "auto, plain, tty, rawjson or quiet"),
    new Option("-q, --quiet", "no progress; the image ID on stdout"),
    new Option(
      "--pull [when]",
      "when to ask the registry for base images: always, newer, missing (default) or never; alone: always",
    ).preset("always"),
    repeated("--insecure-registry <host>", "host[:port] that may be spoken to in plain HTTP; may be repeated"),
    new Option(
      "--call <method>",
      "build; check to run the checks alone; outline or targets to list what can be given and built; with ,format=json (check: or sarif) for programs",
    ),
    new Option("--check", "the same as --call check"),
    new Option("--jobs <count>", "the same as --max-parallelism").hideHelp(),
    new Option("--max-parallelism <count>", "RUN steps at the same time at most (default: 4 per core, at least 32)"),
    new Option("-D, --debug", "show the stack of an internal error"),
    ...limitOptions(),
  ];
}

function limitOptions(): readonly Option[] {
  return [
    new Option("-m, --memory <size>", "memory of each RUN step"),
    new Option("--memory-swap <size>", "memory and swap together; -1: no limit on swap"),
    new Option("--cpus <number>", "CPUs for each RUN step, for example 1.5"),
    new Option("--cpu-period <µs>", "period of the CPU quota"),
    new Option("--cpu-quota <µs>", "CPU time in each period"),
    new Option("-c, --cpu-shares <weight>", "weight against other processes"),
    new Option("--cpuset-cpus <list>", "CPUs to run on, for example 0-2,4"),
    new Option("--cpuset-mems <list>", "memory nodes to use, for example 0-1"),
    new Option("--pids-limit <count>", "processes in each RUN step"),
    new Option("--shm-size <size>", "size of /dev/shm in RUN steps"),
    repeated("--resource <name=value>", "one of the limits above by its name, for example memory=1g; several with commas"),
    repeated("--ulimit <name=soft:hard>", "limit of each process in RUN steps"),
    new Option("--cgroup-parent <path>", "cgroup below which RUN steps run"),
  ];
}

function refuseUnsupported(program: Command, given: Readonly<Record<string, unknown>>): void {
  for (const [flags, sentence] of REFUSED) {
    const option = program.options.find((known) => known.flags === flags);
    if (option !== undefined && given[option.attributeName()] !== undefined) throw unsupported(option.long ?? flags, sentence);
  }
  for (const [flag, what] of ONLY_OFF) {
    const value = given[flag.slice(2)];
    if (value !== undefined && value !== "false" && value !== "0")
      throw unsupported(flag, `${what} is not supported yet; leave it away, or say ${flag}=false`);
  }
}

function unsupported(flag: string, sentence: string): TsbuildError {
  return new TsbuildError("UNSUPPORTED", `${flag}: ${sentence}`);
}

function flagsOf(context: string, given: Readonly<Record<string, unknown>>): BuildFlags {
  const text = (name: string): string | undefined => (typeof given[name] === "string" ? given[name] : undefined);
  const commaLists = (name: string): readonly string[] => strings(given[name]).flatMap((value) => value.split(","));
  return {
    context,
    call: parseCall(text("call"), given["check"] === true),
    tag: strings(given["tag"]),
    file: text("file"),
    target: text("target"),
    buildArg: strings(given["buildArg"]),
    buildArgFile: strings(given["buildArgFile"]),
    ignorefile: text("ignorefile"),
    platform: commaLists("platform"),
    label: strings(given["label"]),
    annotation: strings(given["annotation"]),
    secret: strings(given["secret"]),
    ssh: strings(given["ssh"]),
    noCache: given["cache"] === false,
    noCacheFilter: commaLists("cacheFilter"),
    buildContext: strings(given["buildContext"]),
    addHost: strings(given["addHost"]),
    network: text("network") ?? "default",
    allow: commaLists("allow"),
    output: strings(given["output"]),
    dns: strings(given["dns"]),
    dnsSearch: strings(given["dnsSearch"]),
    dnsOption: strings(given["dnsOption"]),
    resource: strings(given["resource"]),
    load: given["load"] === true,
    push: given["push"] === true,
    iidfile: text("iidfile"),
    metadataFile: text("metadataFile"),
    progress: text("progress"),
    quiet: given["quiet"] === true,
    pull: text("pull"),
    insecureRegistry: commaLists("insecureRegistry"),
    maxParallelism: text("maxParallelism") ?? text("jobs"),
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
      ulimit: strings(given["ulimit"]),
      cgroupParent: text("cgroupParent"),
    },
  };
}
