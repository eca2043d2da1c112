/** The kernel calls that Node lacks. `sys/kernel.ts` implements them with koffi on libc; nothing else loads koffi. */

export interface OverlayMount {
  /** Top first, as the kernel orders them. At least one, or the mount is a plain bind of `upper`. */
  readonly lowers: readonly string[];
  /** Unset: a read-only view. */
  readonly upper?: string | undefined;
  readonly work?: string | undefined;
  readonly target: string;
  /** fsync in the mount does nothing: right for steps, whose result the store syncs by itself; wrong for containers that live on. */
  readonly volatile?: boolean | undefined;
}

export type Propagation = "private" | "rprivate" | "slave" | "rslave" | "shared" | "rshared";

/** A path that is resolved so that it can't leave `rootFd`. */
export interface BeneathOptions {
  /** open(2) flags: node:fs constants. O_CLOEXEC is added. */
  readonly flags: number;
  readonly mode?: number;
  /**
   * `in-root`: absolute paths and links start at the root, `..` stops there (RESOLVE_IN_ROOT).
   * `beneath`: leaving is an error (RESOLVE_BENEATH). `no-links`: any symlink is an error too.
   * Magic links are refused in all of them.
   */
  readonly resolve: "in-root" | "beneath" | "no-links";
}

/**
 * All calls are synchronous, cost 1-2 µs beyond the kernel's own time, and throw `SyscallError` on failure:
 * an Error whose `code` is the errno's name ("ENOENT"), so that `isErrno` of base/errors works on it, and
 * whose message names the call and its paths.
 */
export interface Kernel {
  mount(source: string, target: string, type: string, flags: readonly MountFlag[], data?: string): void;
  /** Chooses fsconfig `lowerdir+` or short links, and always says index=off,metacopy=off,redirect_dir=off. */
  mountOverlay(overlay: OverlayMount): void;
  bind(source: string, target: string, options: { readonly readonly: boolean; readonly recursive: boolean }): void;
  setPropagation(target: string, propagation: Propagation): void;
  /** `detach`: MNT_DETACH. Never follows a symlink at the target. Not mounted (EINVAL) or missing is an error. */
  umount(target: string, options?: { readonly detach?: boolean }): void;

  /** openat2(2). Returns a file descriptor for node:fs calls. */
  openAt(rootFd: number, path: string | Buffer, options: BeneathOptions): number;

  /** Of the link itself, names in byte order, values as bytes. An absent attribute is `undefined`. ENOTSUP reads as none. */
  listXattrs(path: string | Buffer): readonly string[];
  getXattr(path: string | Buffer, name: string): Buffer | undefined;
  setXattr(path: string | Buffer, name: string, value: Uint8Array): void;
  removeXattr(path: string | Buffer, name: string): void;

  /** mode includes the file type bits. */
  mknod(path: string | Buffer, mode: number, major: number, minor: number): void;
  /** Of the link itself. */
  setTimes(path: string | Buffer, atimeNs: bigint, mtimeNs: bigint): void;
  /** renameat2 with RENAME_NOREPLACE; false when the target exists. */
  renameNoReplace(from: string, to: string): boolean;
  /** LOCK_EX|LOCK_NB (or LOCK_SH); false when somebody else has it. Released by closing. */
  tryFlock(fd: number, mode: "exclusive" | "shared"): boolean;
  syncfs(fd: number): void;
  /** The same on a thread of its own pool: it may take seconds. Close `fd` only afterwards. */
  syncfsAsync(fd: number): Promise<void>;
  /** umask of the process; Node's own throws in worker threads. */
  umask(mask: number): number;
}

export type MountFlag =
  | "readonly"
  | "nosuid"
  | "nodev"
  | "noexec"
  | "bind"
  | "rec"
  | "remount"
  | "private"
  | "slave"
  | "shared"
  | "relatime"
  | "noatime";
