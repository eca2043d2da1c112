/** The kernel calls that Node lacks, by koffi on libc. */
import { readFileSync } from "node:fs";
import { release } from "node:os";
import type { Libc } from "./libc.js";
import { AT_FDCWD, bindLibc, cString, syscallNumbers } from "./libc.js";
import { mountBind } from "./mount-api.js";
import { openBeneath } from "./open-beneath.js";
import { hasLowerdirPlus, planOverlay } from "./overlay.js";
import { performOverlay } from "./overlay-mount.js";
import { SyscallError } from "./syscall-error.js";
import type { Kernel, MountFlag, Propagation } from "./types.js";
import { bindXattrs } from "./xattr.js";

/** sys/mount.h, MS_* */
const MOUNT_FLAGS: Readonly<Record<MountFlag, number>> = {
  readonly: 1,
  nosuid: 2,
  nodev: 4,
  noexec: 8,
  remount: 32,
  noatime: 1024,
  bind: 4096,
  rec: 16384,
  private: 1 << 18,
  slave: 1 << 19,
  shared: 1 << 20,
  relatime: 1 << 21,
};

const PROPAGATION: Readonly<Record<Propagation, readonly MountFlag[]>> = {
  private: ["private"],
  rprivate: ["private", "rec"],
  slave: ["slave"],
  rslave: ["slave", "rec"],
  shared: ["shared"],
  rshared: ["shared", "rec"],
};

const MNT_DETACH = 2;
const UMOUNT_NOFOLLOW = 8;
const RENAME_NOREPLACE = 1;
const AT_SYMLINK_NOFOLLOW = 0x100;
const LOCK_SH = 1;
const LOCK_EX = 2;
const LOCK_NB = 4;
const EEXIST = 17;
const EAGAIN = 11;
const NS_PER_SECOND = 1_000_000_000n;

let loaded: Kernel | undefined;

/** The kernel of this thread; the first call in a thread costs some milliseconds, the others nothing. */
export function loadKernel(): Kernel {
  return (loaded ??= bindKernel(bindLibc(), { usesFsconfig: hasLowerdirPlus(release()) }));
}

/** For tests: the same with the choice of overlay's mount call made by the caller. */
export function bindKernel(libc: Libc, { usesFsconfig }: { readonly usesFsconfig: boolean }): Kernel {
  const numbers = syscallNumbers(process.arch);
  const xattrs = bindXattrs(libc);
  let isUserNamespace: boolean | undefined;
  const check = (result: number, syscall: string, ...subjects: readonly (string | Buffer)[]): void => {
    if (result < 0) throw new SyscallError({ syscall, errno: libc.errno(), subjects });
  };
  return {
    mount(source, target, type, flags, data) {
      check(
        libc.mount(cString(source), cString(target), cString(type), mountFlags(flags), data === undefined ? null : cString(data)),
        `mount ${type}`.trim(),
        source,
        target,
      );
    },
    mountOverlay(overlay) {
      isUserNamespace ??= detectUserNamespace();
      performOverlay(libc, planOverlay(overlay, { isUserNamespace }), { target: overlay.target, usesFsconfig });
    },
    bind(source, target, options) {
      mountBind(libc, { source, target, ...options });
    },
    setPropagation(target, propagation) {
      check(
        libc.mount(cString("none"), cString(target), cString(""), mountFlags(PROPAGATION[propagation]), null),
        `mount --make-${propagation}`,
        target,
      );
    },
    umount(target, options) {
      check(libc.umount2(cString(target), UMOUNT_NOFOLLOW | (options?.detach === true ? MNT_DETACH : 0)), "umount", target);
    },
    openAt: (rootFd, path, options) => openBeneath(libc, { rootFd, path, options }),
    listXattrs: xattrs.list,
    getXattr: xattrs.get,
    setXattr: xattrs.set,
    removeXattr: xattrs.remove,
    mknod(path, mode, major, minor) {
      check(libc.mknodat(numbers.mknodat, AT_FDCWD, cString(path), mode, deviceNumber(major, minor)), "mknod", path);
    },
    setTimes(path, atimeNs, mtimeNs) {
      check(libc.utimensat(AT_FDCWD, cString(path), timespecs(atimeNs, mtimeNs), AT_SYMLINK_NOFOLLOW), "utimensat", path);
    },
    renameNoReplace(from, to) {
      const result = libc.renameat2(numbers.renameat2, AT_FDCWD, cString(from), AT_FDCWD, cString(to), RENAME_NOREPLACE);
      if (result < 0 && libc.errno() === EEXIST) return false;
      check(result, "rename", from, to);
      return true;
    },
    tryFlock(fd, mode) {
      const result = libc.flock(fd, (mode === "exclusive" ? LOCK_EX : LOCK_SH) | LOCK_NB);
      if (result < 0 && libc.errno() === EAGAIN) return false;
      check(result, "flock");
      return true;
    },
    syncfs(fd) {
      check(libc.syncfs(fd), "syncfs");
    },
    async syncfsAsync(fd) {
      const result = await new Promise<number>((resolve, reject) => {
        libc.syncfsAsync(fd, (failure, value) => (failure === null || failure === undefined ? resolve(value) : reject(failure)));
      });
      // A second, synchronous try tells the reason, or succeeds.
      if (result !== 0) check(libc.syncfs(fd), "syncfs");
    },
    umask: (mask) => libc.umask(mask),
  };
}

function mountFlags(flags: readonly MountFlag[]): number {
  return flags.reduce((all, flag) => all | MOUNT_FLAGS[flag], 0);
}

/** The 32 bits of new_encode_dev (linux/kdev_t.h). */
function deviceNumber(major: number, minor: number): number {
  return ((minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12)) >>> 0;
}

/** Two struct timespec. Times before 1970 have negative seconds and positive nanoseconds. */
function timespecs(...times: readonly bigint[]): Buffer {
  const buffer = Buffer.alloc(32);
  times.forEach((time, index) => {
    const nanoseconds = ((time % NS_PER_SECOND) + NS_PER_SECOND) % NS_PER_SECOND;
    buffer.writeBigInt64LE((time - nanoseconds) / NS_PER_SECOND, index * 16);
    buffer.writeBigInt64LE(nanoseconds, index * 16 + 8);
  });
  return buffer;
}

/** The first user namespace maps every id to itself. */
function detectUserNamespace(): boolean {
  return readFileSync("/proc/self/uid_map", "latin1").trim().split(/\s+/).join(" ") !== "0 0 4294967295";
}
