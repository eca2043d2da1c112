/** The mount calls by file descriptor: fsopen, fsconfig, fsmount, move_mount, open_tree, mount_setattr (linux/mount.h). */
import { closeSync, readSync } from "node:fs";
import type { Libc } from "./libc.js";
import { AT_FDCWD, COMMON, cString } from "./libc.js";
import { SyscallError } from "./syscall-error.js";

const FSOPEN_CLOEXEC = 1;
const FSMOUNT_CLOEXEC = 1;
const FSCONFIG_SET_FLAG = 0;
const FSCONFIG_SET_STRING = 1;
const FSCONFIG_CMD_CREATE = 6;
const OPEN_TREE_CLONE = 1;
const O_CLOEXEC = 0o2000000;
const AT_EMPTY_PATH = 0x1000;
const AT_RECURSIVE = 0x8000;
const MOVE_MOUNT_F_EMPTY_PATH = 0x4;
const MOVE_MOUNT_T_SYMLINKS = 0x10;
const MOUNT_ATTR_RDONLY = 1n;

export interface NewMount {
  readonly type: string;
  /** In order; a key may come again (`lowerdir+`). No value: a flag. Values up to 255 bytes: the kernel takes no more. */
  readonly options: readonly (readonly [key: string, value: string])[];
  readonly target: string;
}

/** A filesystem that is configured by calls, so that its options need fit into no page. */
export function mountNew(libc: Libc, mount: NewMount): void {
  const context = libc.fsopen(COMMON.fsopen, cString(mount.type), FSOPEN_CLOEXEC);
  if (context < 0) throw new SyscallError({ syscall: "fsopen", errno: libc.errno(), subjects: [mount.type] });
  try {
    for (const [key, value] of mount.options) configure(libc, context, mount, [key, value]);
    if (libc.fsconfig(COMMON.fsconfig, context, FSCONFIG_CMD_CREATE, null, null, 0) !== 0) throw contextError(libc, context, mount);
    const fd = libc.fsmount(COMMON.fsmount, context, FSMOUNT_CLOEXEC, 0);
    if (fd < 0) throw contextError(libc, context, mount);
    attach(libc, fd, mount.target);
  } finally {
    closeSync(context);
  }
}

function configure(libc: Libc, context: number, mount: NewMount, [key, value]: readonly [string, string]): void {
  const command = value === "" ? FSCONFIG_SET_FLAG : FSCONFIG_SET_STRING;
  if (libc.fsconfig(COMMON.fsconfig, context, command, cString(key), value === "" ? null : cString(value), 0) === 0) return;
  throw contextError(libc, context, mount, value === "" ? key : `${key}=${value}`);
}

/** The errno together with the messages that the kernel left in the context. */
function contextError(libc: Libc, context: number, mount: NewMount, option?: string): SyscallError {
  const errno = libc.errno();
  const messages = [...(option === undefined ? [] : [option]), ...readMessages(context)];
  return new SyscallError({
    syscall: `mount ${mount.type}`,
    errno,
    subjects: [mount.target],
    reason: messages.length === 0 ? undefined : messages.join("; "),
  });
}

/** Each read gives one message, `e overlay: text`; ENODATA says that there is none left. */
function readMessages(context: number): readonly string[] {
  const messages: string[] = [];
  const buffer = Buffer.alloc(1024);
  try {
    while (messages.length < 16) {
      const length = readSync(context, buffer);
      if (length === 0) break;
      messages.push(
        buffer
          .toString("utf8", 0, length)
          .replace(/^[ewi] /, "")
          .trim(),
      );
    }
  } catch {
    // ENODATA, or a kernel without the log: the errno has to do.
  }
  return messages;
}

/** Puts the detached mount `fd` at the target (links followed, as mount(2) does) and closes it. */
function attach(libc: Libc, fd: number, target: string): void {
  try {
    const flags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_SYMLINKS;
    if (libc.moveMount(COMMON.moveMount, fd, cString(""), AT_FDCWD, cString(target), flags) === 0) return;
    throw new SyscallError({ syscall: "move_mount", errno: libc.errno(), subjects: [target] });
  } finally {
    closeSync(fd);
  }
}

export interface BindMount {
  readonly source: string;
  readonly target: string;
  readonly readonly: boolean;
  readonly recursive: boolean;
}

/** A bind that is read-only before anyone can see it. Flags that a user namespace locks stay as they are. */
export function mountBind(libc: Libc, bind: BindMount): void {
  const recursive = bind.recursive ? AT_RECURSIVE : 0;
  const fd = libc.openTree(COMMON.openTree, AT_FDCWD, cString(bind.source), OPEN_TREE_CLONE | O_CLOEXEC | recursive);
  if (fd < 0) throw new SyscallError({ syscall: "bind", errno: libc.errno(), subjects: [bind.source, bind.target] });
  if (bind.readonly) setReadonly(libc, fd, { recursive, bind });
  attach(libc, fd, bind.target);
}

/** struct mount_attr: attr_set, attr_clr, propagation, userns_fd, eight bytes each. */
function setReadonly(libc: Libc, fd: number, { recursive, bind }: { readonly recursive: number; readonly bind: BindMount }): void {
  const attributes = Buffer.alloc(32);
  attributes.writeBigUInt64LE(MOUNT_ATTR_RDONLY, 0);
  if (libc.mountSetattr(COMMON.mountSetattr, fd, cString(""), AT_EMPTY_PATH | recursive, attributes, attributes.length) === 0) return;
  const errno = libc.errno();
  closeSync(fd);
  throw new SyscallError({
    syscall: "mount_setattr",
    errno,
    subjects: [bind.source, bind.target],
    reason: errno === 38 ? "read-only binds need Linux 5.12" : undefined,
  });
}
