/** The folder that an OCI runtime starts from. */
import { mkdirSync, statSync, writeFileSync } from "node:fs";
import { join, posix } from "node:path";
import type { Kernel } from "../sys/types.js";
import { grantedDevices, hostDevices } from "./devices.js";
import { FILTER_ANNOTATION, copyFilterHook, loadFilter, storeFilter } from "./filter-cache.js";
import type { HostFacts } from "./host.js";
import { findInit } from "./init.js";
import type { BundleFiles } from "./mounts.js";
import { checkRoot } from "./root-check.js";
import type { Runtime } from "./runtime.js";
import { ociSpec, specJson } from "./spec.js";
import type { ProcessSpec } from "./types.js";
import { resolveUser } from "./user.js";

export interface BundleRequest {
  readonly spec: ProcessSpec;
  readonly host: HostFacts;
  readonly runtime: Runtime;
  readonly cgroupsPath: string;
  readonly consoleSize?: { readonly height: number; readonly width: number } | undefined;
  /** A folder for compiled system call filters, shared by processes; unset: compiled anew each time. */
  readonly filterCacheDir?: string | undefined;
}

export interface Bundle {
  /** Holds config.json. */
  readonly path: string;
  /** For the runtime's --root: nobody else's containers are there. */
  readonly runtimeRoot: string;
  /** To be called when the process has ended. */
  keepFilter(): void;
}

/** Looks up what the spec names and writes the bundle into `spec.stateDir`. @throws {TsbuildError} for whatever can't be had */
export function writeBundle(kernel: Kernel, request: BundleRequest): Bundle {
  const { spec, host } = request;
  const path = join(spec.stateDir, "bundle");
  const runtimeRoot = join(spec.stateDir, "runtime");
  checkRoot(kernel, spec.rootfs, posix.join("/", spec.cwd));
  mkdirSync(path, { recursive: true, mode: 0o700 });
  mkdirSync(runtimeRoot, { recursive: true, mode: 0o700 });
  const config = ociSpec(spec, host, {
    user: resolveUser(kernel, spec.rootfs, { user: spec.user, groups: spec.additionalGroups }),
    files: writeFiles(spec, path),
    devices: [...(spec.security.privileged ? hostDevices() : []), ...grantedDevices(spec.devices ?? [])],
    cgroupsPath: request.cgroupsPath,
    consoleSize: request.consoleSize,
  });
  const filter = filterOf(request, { config, runtimeRoot });
  writeFileSync(join(path, "config.json"), specJson({ ...config, ...filter.additions }));
  return { path, runtimeRoot, keepFilter: filter.keep };
}

function writeFiles(spec: ProcessSpec, folder: string): BundleFiles {
  return {
    hosts: writeOptional(join(folder, "hosts"), spec.hostsFile),
    resolvConf: writeOptional(join(folder, "resolv.conf"), spec.resolvConfFile),
    init: spec.init ? findInit() : undefined,
    folders: new Set(spec.mounts.flatMap((mount) => (mount.type === "bind" && isFolder(mount.source) ? [mount.source] : []))),
  };
}

/** A source that isn't there is for the runtime to name. */
function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

function writeOptional(path: string, content: string | undefined): string | undefined {
  if (content === undefined) return undefined;
  // Whatever this process's umask: every user of the container reads them.
  writeFileSync(path, content, { mode: 0o644 });
  return path;
}

/** What config.json gets so that crun needs not compile the filter, or so that the next crun needs not. */
function filterOf(
  request: BundleRequest,
  { config, runtimeRoot }: { readonly config: Readonly<Record<string, unknown>>; readonly runtimeRoot: string },
): {
  readonly additions: object;
  readonly keep: () => void;
} {
  const nothing = { additions: {}, keep: () => undefined };
  const { filterCacheDir: cacheDir, runtime, spec } = request;
  const { linux } = config;
  if (cacheDir === undefined || runtime.kind !== "crun" || typeof linux !== "object" || linux === null || !("seccomp" in linux))
    return nothing;
  const filter = { cacheDir, runtime, profile: linux.seccomp };
  const known = loadFilter(filter);
  if (known !== undefined) return { additions: { annotations: { [FILTER_ANNOTATION]: known } }, keep: () => undefined };
  mkdirSync(cacheDir, { recursive: true, mode: 0o700 });
  const copy = join(cacheDir, `copy-${spec.id}`);
  return {
    additions: { hooks: copyFilterHook({ from: join(runtimeRoot, spec.id, "seccomp.bpf"), to: copy }) },
    keep: () => storeFilter(filter, copy),
  };
}
