/** A process as an OCI runtime bundle's config.json (runtime-spec 1.0.2), with Docker's defaults. Pure. */
import { posix } from "node:path";
import { TsbuildError } from "../base/errors.js";
import { capabilitiesOf } from "./capabilities.js";
import type { GrantedDevice } from "./devices.js";
import { deviceRules } from "./devices.js";
import { isDoor } from "./doors.js";
import type { HostFacts } from "./host.js";
import type { BundleFiles } from "./mounts.js";
import { INIT_PATH, ociMounts, rootPropagation } from "./mounts.js";
import { MASKED_PATHS, READONLY_PATHS } from "./paths.js";
import { ociResources } from "./resources.js";
import { rlimitsOf } from "./rlimits.js";
import { seccompProfile } from "./seccomp.js";
import type { ProcessNetwork, ProcessSpec, SharedNamespace } from "./types.js";
import type { ResolvedUser } from "./user.js";

/** What had to be looked up before: on the disk, not in the host's kernel. */
export interface SpecInputs {
  readonly user: ResolvedUser;
  readonly files: BundleFiles;
  readonly devices: readonly GrantedDevice[];
  /** Absolute in the cgroup tree, `/tsbuild/ID/c`. */
  readonly cgroupsPath: string;
  /** Of the terminal that is passed on, when there is one. */
  readonly consoleSize?: { readonly height: number; readonly width: number } | undefined;
}

/** @throws {TsbuildError} as capabilitiesOf, rlimitsOf and ociResources do; CWD_FORBIDDEN, COMMAND_MISSING */
export function ociSpec(spec: ProcessSpec, host: HostFacts, inputs: SpecInputs): Readonly<Record<string, unknown>> {
  const { privileged } = spec.security;
  const capabilities = capabilitiesOf(spec.security, host.boundingCapabilities);
  const propagation = rootPropagation(spec.mounts);
  return {
    ociVersion: "1.0.2",
    root: { path: spec.rootfs, readonly: spec.security.readonlyRootfs },
    ...(spec.hostname === undefined || spec.sharedNamespaces?.uts !== undefined ? {} : { hostname: spec.hostname }),
    process: processOf(spec, host, { inputs, capabilities }),
    mounts: ociMounts(spec, host, inputs.files),
    linux: {
      namespaces: namespacesOf(spec),
      cgroupsPath: inputs.cgroupsPath,
      resources: { devices: deviceRules(inputs.devices, { privileged }), ...ociResources(spec.resources, host.cgroup) },
      devices: inputs.devices.map(({ node }) => node),
      ...(privileged ? {} : { maskedPaths: MASKED_PATHS, readonlyPaths: READONLY_PATHS }),
      ...(Object.keys(sysctlsOf(spec)).length === 0 ? {} : { sysctl: sysctlsOf(spec) }),
      ...(propagation === undefined ? {} : { rootfsPropagation: propagation }),
      ...(privileged || spec.security.seccomp === "unconfined" ? {} : { seccomp: seccompOf(spec, host, capabilities) }),
    },
  };
}

function seccompOf(spec: ProcessSpec, host: HostFacts, capabilities: readonly string[]): object {
  return seccompProfile({
    capabilities,
    hostArchitecture: host.architecture,
    imageArchitecture: spec.platform?.architecture ?? host.architecture,
  });
}

function processOf(
  spec: ProcessSpec,
  host: HostFacts,
  { inputs, capabilities }: { readonly inputs: SpecInputs; readonly capabilities: readonly string[] },
): object {
  const { user } = inputs;
  refuseNul([...spec.args, ...spec.env, spec.cwd]);
  if (spec.args.length === 0)
    throw new TsbuildError("COMMAND_MISSING", "no command specified", { hint: "give one on the command line, or a CMD in the image" });
  return {
    terminal: spec.terminal,
    ...(spec.terminal && inputs.consoleSize !== undefined ? { consoleSize: inputs.consoleSize } : {}),
    user: { uid: user.uid, gid: user.gid, additionalGids: user.additionalGids, umask: 0o022 },
    args: spec.init ? [INIT_PATH, "--", ...spec.args] : spec.args,
    env: spec.env.some((entry) => entry.startsWith("HOME=")) ? spec.env : [...spec.env, `HOME=${user.home}`],
    cwd: checkedCwd(spec.cwd),
    // A process that isn't root has no effective capabilities until it runs a setuid program; those added by hand it has at once.
    capabilities: {
      bounding: capabilities,
      effective: effective(user, capabilities),
      permitted: effective(user, capabilities),
      inheritable: [],
      ambient: [],
    },
    rlimits: rlimitsOf(spec.resources.ulimits ?? [], host),
    noNewPrivileges: spec.security.noNewPrivileges,
    ...(spec.resources.oomScoreAdj === undefined ? {} : { oomScoreAdj: spec.resources.oomScoreAdj }),
  };
}

/** The kernel clears both sets when root becomes another user; saying so keeps the runtimes alike. */
function effective(user: ResolvedUser, capabilities: readonly string[]): readonly string[] {
  return user.uid === 0 ? capabilities : [];
}

function checkedCwd(cwd: string): string {
  const path = posix.normalize(posix.join("/", cwd));
  if (isDoor(path)) throw new TsbuildError("CWD_FORBIDDEN", `${cwd} can't be a working directory: it leads out of the container`);
  return path.length > 1 && path.endsWith("/") ? path.slice(0, -1) : path;
}

function namespacesOf(spec: ProcessSpec): readonly object[] {
  const shared = spec.sharedNamespaces;
  return [
    { type: "mount" },
    { type: "cgroup" },
    ...namespaceOf("pid", shared?.pid),
    ...namespaceOf("ipc", shared?.ipc),
    ...namespaceOf("uts", shared?.uts),
    ...networkNamespace(spec.network),
  ];
}

function namespaceOf(type: string, shared: SharedNamespace | undefined): readonly object[] {
  if (shared === undefined) return [{ type }];
  return shared.type === "host" ? [] : [{ type, path: shared.path }];
}

function networkNamespace(network: ProcessNetwork): readonly object[] {
  if (network.type === "host") return [];
  return [network.type === "none" ? { type: "network" } : { type: "network", path: network.path }];
}

/** Docker lets everybody ping and use low ports inside a network namespace of their own. */
function sysctlsOf(spec: ProcessSpec): Readonly<Record<string, string>> {
  const own =
    spec.network.type === "host" ? {} : { "net.ipv4.ip_unprivileged_port_start": "0", "net.ipv4.ping_group_range": "0 2147483647" };
  return { ...own, ...spec.sysctls };
}

/** JSON for the runtime: -1 as a limit becomes RLIM_INFINITY (2^64 - 1), which no JavaScript number holds. */
export function specJson(spec: Readonly<Record<string, unknown>>): string {
  return JSON.stringify(spec, (key, value: unknown) =>
    (key === "soft" || key === "hard") && value === -1 ? INFINITY_MARK : value,
  ).replaceAll(JSON.stringify(INFINITY_MARK), "18446744073709551615");
}

/** No argument can hold a NUL, so nothing else reads like this. */
const INFINITY_MARK = "\u0000unlimited";

function refuseNul(texts: readonly string[]): void {
  const bad = texts.find((text) => text.includes("\0"));
  if (bad !== undefined) throw new TsbuildError("ARGUMENT_INVALID", `${JSON.stringify(bad)} contains a NUL byte`);
}
