/** Device nodes and the cgroup's rules about them. */
import type { Stats } from "node:fs";
import { lstatSync, readdirSync, realpathSync, statSync } from "node:fs";
import { join } from "node:path";
import { TsbuildError, isErrno } from "../base/errors.js";
import type { DeviceMapping } from "./types.js";

/** A node as the runtime makes it. */
export interface DeviceNode {
  readonly path: string;
  readonly type: "c" | "b";
  readonly major: number;
  readonly minor: number;
  readonly fileMode: number;
  readonly uid: number;
  readonly gid: number;
}

export interface GrantedDevice {
  readonly node: DeviceNode;
  readonly access: string;
}

/** As in linux.resources.devices; unset numbers mean any. */
export interface DeviceRule {
  readonly allow: boolean;
  readonly type?: "a" | "c" | "b";
  readonly major?: number;
  readonly minor?: number;
  readonly access: string;
}

/** Names may be made, but only the harmless devices opened (Documentation/admin-guide/devices.txt). */
const DEFAULT_RULES: readonly DeviceRule[] = [
  { allow: false, access: "rwm" },
  { allow: true, type: "c", access: "m" },
  { allow: true, type: "b", access: "m" },
  ...(
    [
      [1, 3],
      [1, 5],
      [1, 7],
      [1, 8],
      [1, 9],
      [5, 0],
      [5, 1],
      [5, 2],
    ] as const
  ).map(([major, minor]): DeviceRule => ({ allow: true, type: "c", major, minor, access: "rwm" })),
  { allow: true, type: "c", major: 136, access: "rwm" },
];

/** What the device cgroup allows. The runtime makes the nodes of the default devices itself. */
export function deviceRules(devices: readonly GrantedDevice[], { privileged }: { readonly privileged: boolean }): readonly DeviceRule[] {
  if (privileged) return [{ allow: true, access: "rwm" }];
  return [
    ...DEFAULT_RULES,
    ...devices.map(({ node, access }): DeviceRule => ({ allow: true, type: node.type, major: node.major, minor: node.minor, access })),
  ];
}

/**
 * The nodes behind `--device`: of a folder, all that lie in it.
 * @throws {TsbuildError} DEVICE_NOT_FOUND, DEVICE_INVALID
 */
export function grantedDevices(mappings: readonly DeviceMapping[]): readonly GrantedDevice[] {
  return mappings.flatMap((mapping) => {
    if (!/^(?!.*(.).*\1)[rwm]+$/.test(mapping.access)) {
      throw new TsbuildError("DEVICE_INVALID", `"${mapping.access}" is no access to ${mapping.hostPath}`, {
        hint: "use the letters r, w and m",
      });
    }
    const nodes = nodesAt(mapping.hostPath, mapping.target);
    if (nodes.length === 0) throw new TsbuildError("DEVICE_INVALID", `${mapping.hostPath} is not a device`);
    return nodes.map((node) => ({ node, access: mapping.access }));
  });
}

/** Every device node of the host, for privileged processes. Terminals and what the runtime mounts itself are left out. */
export function hostDevices(): readonly GrantedDevice[] {
  return nodesBelow("/dev", "/dev").map((node) => ({ node, access: "rwm" }));
}

const NOT_DEVICES = new Set(["pts", "shm", "fd", "mqueue", "console", "ptmx", "hugepages", ".udev"]);

function nodesAt(hostPath: string, target: string): readonly DeviceNode[] {
  try {
    const real = realpathSync(hostPath);
    const stat = statSync(real);
    if (stat.isDirectory()) return nodesBelow(real, target);
    return nodeOf(stat, target);
  } catch (error) {
    if (!isErrno(error, "ENOENT", "ENOTDIR")) throw error;
    throw new TsbuildError("DEVICE_NOT_FOUND", `no such device: ${hostPath}`, { cause: error });
  }
}

function nodesBelow(folder: string, target: string): readonly DeviceNode[] {
  return readdirSync(folder).flatMap((name) => {
    if (NOT_DEVICES.has(name)) return [];
    const path = join(folder, name);
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (stat === undefined) return [];
    return stat.isDirectory() ? nodesBelow(path, join(target, name)) : nodeOf(stat, join(target, name));
  });
}

function nodeOf(stat: Stats, path: string): readonly DeviceNode[] {
  if (!stat.isCharacterDevice() && !stat.isBlockDevice()) return [];
  const { major, minor } = deviceNumbers(stat.rdev);
  return [{ path, type: stat.isBlockDevice() ? "b" : "c", major, minor, fileMode: stat.mode & 0o7777, uid: stat.uid, gid: stat.gid }];
}

/** glibc's gnu_dev_major and gnu_dev_minor, for the numbers below 2^32 that Linux uses. */
function deviceNumbers(rdev: number): { readonly major: number; readonly minor: number } {
  return { major: (rdev >>> 8) & 0xfff, minor: (rdev & 0xff) | ((rdev >>> 12) & 0xfff00) };
}
