/** A container: what is asked for, and what is kept of it on disk. */
import type { Digest } from "../../base/digest.js";
import type { Platform } from "../../base/platform.js";
import type { Input } from "../../executor/streams.js";
import type { PortRequest, PublishedPort } from "../../executor/network/publish.js";
import type { RunningProcess } from "../../executor/run.js";
import type { DeviceMapping, Resources, SharedNamespaces } from "../../executor/types.js";
import type { Healthcheck } from "../../image/types.js";

/** `tsbuild run`, understood. What is unset comes from the image, else from Docker's defaults. */
export interface RunRequest {
  /** As the user wrote it: a name, a name with digest, an image ID or the beginning of one. */
  readonly image: string;
  /** Unset: the host's, or whatever the local image has. */
  readonly platform?: Platform | undefined;
  readonly pull: "missing" | "always" | "never";
  /** Unset: a random one. */
  readonly name?: string | undefined;
  /** Replaces the image's CMD unless it is empty. */
  readonly command: readonly string[];
  /** Replaces the image's ENTRYPOINT and drops its CMD; `[]` removes both. */
  readonly entrypoint?: readonly string[] | undefined;
  /** `NAME=value`, or a lone `NAME` that takes a variable of the image away. The last of a name wins. */
  readonly env: readonly string[];
  readonly user?: string | undefined;
  readonly workdir?: string | undefined;
  readonly hostname?: string | undefined;
  readonly groups: readonly string[];
  readonly labels: ReadonlyMap<string, string>;
  readonly mounts: readonly MountRequest[];
  readonly network: NetworkRequest;
  readonly security: SecurityRequest;
  readonly resources: Resources;
  readonly devices: readonly DeviceMapping[];
  readonly sysctls: Readonly<Record<string, string>>;
  readonly sharedNamespaces: SharedNamespaces;
  readonly cgroupParent?: string | undefined;
  readonly init: boolean;
  readonly terminal: boolean;
  /** True when standard input is passed on. */
  readonly isInteractive: boolean;
  /** True when nothing of it is to be left at the end. */
  readonly removesItself: boolean;
  readonly stopSignal?: string | undefined;
  readonly stopTimeoutSec?: number | undefined;
  /** Gets the container's ID; must not be there yet. */
  readonly cidFile?: string | undefined;
  readonly insecureRegistries: readonly string[];
}

/** Targets are absolute paths in the container. */
export type MountRequest =
  | {
      readonly type: "bind";
      readonly source: string;
      readonly target: string;
      readonly readonly: boolean;
      readonly propagation?: string | undefined;
      readonly makesSource: boolean;
    }
  | {
      readonly type: "volume";
      readonly name?: string | undefined;
      readonly target: string;
      readonly readonly: boolean;
      readonly copiesImage: boolean;
      readonly labels?: Readonly<Record<string, string>> | undefined;
    }
  | {
      readonly type: "tmpfs";
      readonly target: string;
      readonly sizeBytes?: number | undefined;
      readonly mode?: number | undefined;
      readonly options?: readonly string[] | undefined;
    };

export interface NetworkRequest {
  readonly mode: "bridge" | "none" | "host";
  readonly ports: readonly PortRequest[];
  /** True: also every port that the image or `exposed` names, on a free port of the host at `defaultAddress`. */
  readonly publishesAll: boolean;
  readonly defaultAddress: string;
  /** `80/tcp` */
  readonly exposed: readonly string[];
  /** `host:address`; the address may be `host-gateway`. */
  readonly extraHosts: readonly string[];
  readonly nameservers: readonly string[];
  /** `["."]`: none at all. */
  readonly search: readonly string[];
  readonly options: readonly string[];
}

export interface SecurityRequest {
  readonly capAdd: readonly string[];
  readonly capDrop: readonly string[];
  readonly privileged: boolean;
  readonly seccomp: "default" | "unconfined";
  readonly noNewPrivileges: boolean;
  readonly readonlyRootfs: boolean;
}

/** Where a foreground container's bytes go, and who hears of it. */
export interface RunIo {
  readonly stdin: Input;
  /** A line for people: a pull that begins, a port that is published. */
  readonly onNotice: (line: string) => void;
  /** Everything is prepared. From now on the process may run, though it can't be sent signals yet. */
  readonly onStarting?: (() => void) | undefined;
  /** The container runs and can be sent signals. */
  readonly onStarted?: ((running: RunningProcess) => void) | undefined;
}

/** What a container starts with: the image's config and the request, merged. */
export interface ContainerConfig {
  readonly args: readonly string[];
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
  readonly env: readonly string[];
  readonly user: string;
  readonly workdir: string;
  readonly hostname: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly stopSignal: string;
  /** Unset: Docker's ten seconds. */
  readonly stopTimeoutSec?: number | undefined;
  readonly terminal: boolean;
  readonly isInteractive: boolean;
  /** `80/tcp` */
  readonly exposedPorts: readonly string[];
  readonly healthcheck?: Healthcheck | undefined;
}

export interface MountRecord {
  readonly type: "bind" | "volume" | "tmpfs";
  /** Of a volume. */
  readonly name?: string | undefined;
  /** Empty for a tmpfs. */
  readonly source: string;
  readonly target: string;
  readonly readonly: boolean;
}

/** What `containers/ID/state` says. */
export interface ContainerState {
  /** 64 hex digits. */
  readonly id: string;
  readonly name: string;
  /** As the user wrote it. */
  readonly image: string;
  readonly imageId: Digest;
  readonly config: ContainerConfig;
  readonly mounts: readonly MountRecord[];
  /** Volumes that nobody but this container names. */
  readonly anonymousVolumes: readonly string[];
  readonly networkMode: "bridge" | "none" | "host";
  readonly ip?: string | undefined;
  readonly ports: readonly PublishedPort[];
  readonly removesItself: boolean;
  readonly readonlyRootfs: boolean;
  readonly status: "created" | "running" | "exited";
  /** Unset while it has none. */
  readonly exitCode?: number | undefined;
  readonly isOomKilled: boolean;
  /** Why it could not be started, or how it was lost. */
  readonly error?: string | undefined;
  readonly createdAtMs: number;
  readonly startedAtMs?: number | undefined;
  readonly finishedAtMs?: number | undefined;
}
