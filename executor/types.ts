/** One process in isolation: what is asked for and how it ended. */
import type { Platform } from "../base/platform.js";

export interface ProcessSpec {
  /** Container ID for the runtime: `[a-z0-9-]{8,64}`. */
  readonly id: string;
  /** Folder for the bundle and the runtime's state; belongs to this process alone. */
  readonly stateDir: string;
  /** A mounted root filesystem, writable unless `readonlyRootfs`. */
  readonly rootfs: string;
  readonly args: readonly string[];
  readonly env: readonly string[];
  readonly cwd: string;
  /** `name|uid[:group|gid]`, looked up beneath `rootfs`; empty is root. */
  readonly user: string;
  readonly additionalGroups?: readonly string[] | undefined;
  readonly hostname?: string | undefined;
  readonly mounts: readonly ProcessMount[];
  readonly network: ProcessNetwork;
  /** Content of /etc/hosts and /etc/resolv.conf, bind-mounted over the image's; unset: not provided. */
  readonly hostsFile?: string | undefined;
  readonly resolvConfFile?: string | undefined;
  readonly security: ProcessSecurity;
  readonly resources: Resources;
  readonly init: boolean;
  readonly terminal: boolean;
  readonly platform?: Platform | undefined;
  /** Name of the cgroup below tsbuild's own parent, or an absolute parent given by the user. */
  readonly cgroupParent?: string | undefined;
  /** Host devices to make, beyond the harmless ones that every process has. */
  readonly devices?: readonly DeviceMapping[] | undefined;
  /** Namespaces that are not the process's own: the host's, or another container's by path. Unset: its own. */
  readonly sharedNamespaces?: SharedNamespaces | undefined;
  /** Sysctls of the process's own namespaces, `net.core.somaxconn: "1024"`. */
  readonly sysctls?: Readonly<Record<string, string>> | undefined;
}

/** `access` is any of `r`, `w`, `m`, as in Docker's --device. */
export interface DeviceMapping {
  readonly hostPath: string;
  readonly target: string;
  readonly access: string;
}

export interface SharedNamespaces {
  readonly ipc?: SharedNamespace | undefined;
  readonly uts?: SharedNamespace | undefined;
  readonly pid?: SharedNamespace | undefined;
}

export type SharedNamespace = { readonly type: "host" } | { readonly type: "path"; readonly path: string };

/** In the order in which they are made. Targets are absolute in the root and resolved beneath it by the runtime. */
export type ProcessMount =
  | {
      readonly type: "bind";
      readonly source: string;
      readonly target: string;
      readonly readonly: boolean;
      readonly propagation?: string | undefined;
    }
  | {
      readonly type: "tmpfs";
      readonly target: string;
      readonly sizeBytes?: number | undefined;
      readonly mode?: number | undefined;
      readonly options?: readonly string[] | undefined;
    };

export type ProcessNetwork =
  | { readonly type: "none" }
  | { readonly type: "host" }
  /** A network namespace that is ready. */
  | { readonly type: "namespace"; readonly path: string };

export interface ProcessSecurity {
  readonly capAdd: readonly string[];
  readonly capDrop: readonly string[];
  readonly privileged: boolean;
  readonly seccomp: "default" | "unconfined";
  readonly noNewPrivileges: boolean;
  readonly readonlyRootfs: boolean;
}

/** Unset means no limit. A limit that can't be applied is an error. */
export interface Resources {
  readonly memoryBytes?: number | undefined;
  /** Memory and swap together; -1: no limit on swap. */
  readonly memorySwapBytes?: number | undefined;
  readonly memoryReservationBytes?: number | undefined;
  readonly cpuQuotaMicros?: number | undefined;
  readonly cpuPeriodMicros?: number | undefined;
  readonly cpuShares?: number | undefined;
  readonly cpusetCpus?: string | undefined;
  readonly cpusetMems?: string | undefined;
  readonly pids?: number | undefined;
  readonly shmSizeBytes?: number | undefined;
  readonly oomScoreAdj?: number | undefined;
  readonly ulimits?: readonly Ulimit[] | undefined;
}

/** `name` as in ulimit flags: nofile, nproc, core … -1 is unlimited. Clamped to the hard limit with an error, never silently. */
export interface Ulimit {
  readonly name: string;
  readonly soft: number;
  readonly hard: number;
}

export interface ExitStatus {
  /** 128+n when a signal ended it. */
  readonly code: number;
  /** Read from the cgroup's own counter, never guessed from 137. */
  readonly isOomKilled: boolean;
  /** The most memory it used at one time; unset where the kernel doesn't say. */
  readonly peakMemoryBytes?: number | undefined;
  readonly startedAtMs: number;
  readonly endedAtMs: number;
}

/** A promise means: too much has not been taken yet; nothing more is read of that stream until it resolves. */
export type OutputSink = (stream: 1 | 2, data: Uint8Array) => void | Promise<void>;
