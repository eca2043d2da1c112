/**
 * What a root filesystem must not hold, looked at before the runtime works in it. It comes from an image: a link at the
 * right place would lead the runtime, which is root, out of it. (crun 1.8 mounts /dev where a link at /dev leads inside
 * the root, but then makes the devices where it leads on the host.)
 */
import { closeSync, constants, openSync, readlinkSync } from "node:fs";
import { TsbuildError, isErrno } from "../base/errors.js";
import type { Kernel } from "../sys/types.js";
import { isDoor } from "./doors.js";

/** Where the runtime mounts kernel filesystems and makes nodes in them by path. */
const MOUNT_POINTS = ["proc", "dev", "sys"];
/** fcntl.h: Node has no name for it. */
const O_PATH = 0o10000000;

/**
 * The places of kernel filesystems have to be folders, or free; the working directory has to lie in the root's own files,
 * whatever links lead to it (CVE-2024-21626).
 * @throws {TsbuildError} ROOTFS_INVALID, CWD_FORBIDDEN
 */
export function checkRoot(kernel: Kernel, rootfs: string, cwd: string): void {
  const rootFd = openSync(rootfs, O_PATH | constants.O_DIRECTORY);
  try {
    for (const name of MOUNT_POINTS) checkMountPoint(kernel, rootFd, name);
    checkCwd(kernel, rootFd, cwd);
  } finally {
    closeSync(rootFd);
  }
}

function checkMountPoint(kernel: Kernel, rootFd: number, name: string): void {
  if (openState(kernel, rootFd, { path: name, resolve: "no-links" }).isOther) {
    throw new TsbuildError("ROOTFS_INVALID", `the image's /${name} is not a folder, so nothing can be mounted there`, {
      hint: `a link or file at /${name} would lead out of the container: remove it from the image`,
    });
  }
}

function checkCwd(kernel: Kernel, rootFd: number, cwd: string): void {
  if (!openState(kernel, rootFd, { path: `.${cwd}`, resolve: "no-links" }).isOther) return;
  const { realPath } = openState(kernel, rootFd, { path: cwd, resolve: "in-root" });
  if (realPath === undefined)
    throw new TsbuildError(
      "CWD_FORBIDDEN",
      `${cwd} can't be a working directory: it is a link or file that leads to no folder of the image`,
    );
  if (isDoor(realPath))
    throw new TsbuildError(
      "CWD_FORBIDDEN",
      `${cwd} can't be a working directory: it is a link to ${realPath}, which leads out of the container`,
    );
}

interface State {
  /** Something that is not reached as a folder: a link, a file. False for a folder, and where there is nothing. */
  readonly isOther: boolean;
  /** Of a folder, in the root. */
  readonly realPath?: string;
}

function openState(
  kernel: Kernel,
  rootFd: number,
  { path, resolve }: { readonly path: string; readonly resolve: "no-links" | "in-root" },
): State {
  try {
    const fd = kernel.openAt(rootFd, path, { flags: O_PATH | constants.O_DIRECTORY, resolve });
    try {
      const [root, found] = [rootFd, fd].map((one) => readlinkSync(`/proc/self/fd/${one}`));
      return { isOther: false, realPath: (found ?? "").slice(root === "/" ? 0 : (root ?? "").length) || "/" };
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    if (isErrno(error, "ENOENT")) return { isOther: false };
    if (isErrno(error, "ENOTDIR", "ELOOP")) return { isOther: true };
    throw error;
  }
}
