/** The mounts of a process in the order in which they are made. */
import type { HostFacts } from "./host.js";
import type { ProcessMount, ProcessSpec } from "./types.js";

export interface OciMount {
  readonly destination: string;
  readonly type: string;
  readonly source: string;
  readonly options: readonly string[];
}

/** Files of the bundle that are bound over the image's. */
export interface BundleFiles {
  readonly hosts?: string | undefined;
  readonly resolvConf?: string | undefined;
  /** The init program on the host. */
  readonly init?: string | undefined;
  /** Those of the spec's bind sources that are folders. */
  readonly folders: ReadonlySet<string>;
}

/** Where the init program appears: /dev is a tmpfs of ours, so the image gets no trace of it. */
export const INIT_PATH = "/dev/init";

const DEFAULT_SHM_BYTES = 64 * 1024 * 1024;

export function ociMounts(spec: ProcessSpec, host: HostFacts, files: BundleFiles): readonly OciMount[] {
  return [
    ...kernelMounts(spec),
    ...(files.resolvConf === undefined ? [] : [bindFile(files.resolvConf, "/etc/resolv.conf")]),
    ...(files.hosts === undefined ? [] : [bindFile(files.hosts, "/etc/hosts")]),
    ...spec.mounts.map((mount) =>
      userMount(mount, { isDeep: mount.type === "bind" && host.hasRecursiveReadonly && files.folders.has(mount.source) }),
    ),
    ...(files.init === undefined ? [] : [{ ...bindFile(files.init, INIT_PATH), options: ["bind", "ro", "nosuid", "nodev"] }]),
  ];
}

function kernelMounts(spec: ProcessSpec): readonly OciMount[] {
  const { privileged } = spec.security;
  const writable = privileged ? "rw" : "ro";
  return [
    { destination: "/proc", type: "proc", source: "proc", options: ["nosuid", "noexec", "nodev"] },
    { destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "strictatime", "mode=755", "size=65536k"] },
    {
      destination: "/dev/pts",
      type: "devpts",
      source: "devpts",
      options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
    },
    { destination: "/sys", type: "sysfs", source: "sysfs", options: ["nosuid", "noexec", "nodev", writable] },
    { destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: [writable, "nosuid", "noexec", "nodev"] },
    { destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: ["nosuid", "noexec", "nodev"] },
    sharedMemory(spec),
  ];
}

function sharedMemory(spec: ProcessSpec): OciMount {
  if (spec.sharedNamespaces?.ipc?.type === "host")
    return { destination: "/dev/shm", type: "bind", source: "/dev/shm", options: ["rbind", "rprivate", "rw"] };
  const size = spec.resources.shmSizeBytes ?? DEFAULT_SHM_BYTES;
  return { destination: "/dev/shm", type: "tmpfs", source: "shm", options: ["nosuid", "noexec", "nodev", "mode=1777", `size=${size}`] };
}

function bindFile(source: string, destination: string): OciMount {
  return { destination, type: "bind", source, options: ["rbind", "rprivate", "rw"] };
}

/** `rro` makes what is mounted below read-only too; crun takes it for folders only. */
function userMount(mount: ProcessMount, { isDeep }: { readonly isDeep: boolean }): OciMount {
  if (mount.type === "tmpfs") return { destination: mount.target, type: "tmpfs", source: "tmpfs", options: tmpfsOptions(mount) };
  const readonly = mount.readonly ? ["ro", ...(isDeep ? ["rro"] : [])] : ["rw"];
  return {
    destination: mount.target,
    type: "bind",
    source: mount.source,
    options: ["rbind", mount.propagation ?? "rprivate", ...readonly],
  };
}

function tmpfsOptions(mount: Extract<ProcessMount, { type: "tmpfs" }>): readonly string[] {
  return [
    ...(mount.options ?? ["nosuid", "nodev", "noexec"]),
    ...(mount.sizeBytes === undefined ? [] : [`size=${mount.sizeBytes}`]),
    `mode=${(mount.mode ?? 0o1777).toString(8)}`,
  ];
}

/** A bind that wants events of the host needs a root that passes them on. */
export function rootPropagation(mounts: readonly ProcessMount[]): string | undefined {
  const wanted = mounts.map((mount) => (mount.type === "bind" ? mount.propagation : undefined));
  if (wanted.some((value) => value === "shared" || value === "rshared")) return "shared";
  return wanted.some((value) => value === "slave" || value === "rslave") ? "rslave" : undefined;
}
