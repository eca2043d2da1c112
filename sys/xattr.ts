/** Extended attributes of a path itself: links are never followed. */
import type { Libc } from "./libc.js";
import { cString } from "./libc.js";
import { SyscallError } from "./syscall-error.js";

/** XATTR_LIST_MAX and XATTR_SIZE_MAX (linux/limits.h). */
const LARGEST = 65536;
const ENODATA = 61;
const ENOTSUP = 95;

export interface Xattrs {
  list(path: string | Buffer): readonly string[];
  get(path: string | Buffer, name: string): Buffer | undefined;
  set(path: string | Buffer, name: string, value: Uint8Array): void;
  remove(path: string | Buffer, name: string): void;
}

const NONE: readonly string[] = Object.freeze([]);

export function bindXattrs(libc: Libc): Xattrs {
  // One buffer for all calls: they are synchronous, and as long as the kernel's maximum.
  const buffer = Buffer.allocUnsafeSlow(LARGEST);
  const fail = (syscall: string, path: string | Buffer, name?: string): SyscallError =>
    new SyscallError({ syscall, errno: libc.errno(), subjects: name === undefined ? [path] : [path, name] });
  return {
    list(path) {
      const length = libc.llistxattr(cString(path), buffer, LARGEST);
      if (length > 0) return namesOf(buffer.subarray(0, length));
      if (length === 0 || libc.errno() === ENOTSUP) return NONE;
      throw fail("llistxattr", path);
    },
    get(path, name) {
      const length = libc.lgetxattr(cString(path), cString(name), buffer, LARGEST);
      if (length >= 0) return Buffer.from(buffer.subarray(0, length));
      const errno = libc.errno();
      if (errno === ENODATA || errno === ENOTSUP) return undefined;
      throw new SyscallError({ syscall: "lgetxattr", errno, subjects: [path, name] });
    },
    set(path, name, value) {
      if (libc.lsetxattr(cString(path), cString(name), value, value.length, 0) !== 0) throw fail("lsetxattr", path, name);
    },
    remove(path, name) {
      if (libc.lremovexattr(cString(path), cString(name)) !== 0) throw fail("lremovexattr", path, name);
    },
  };
}

/** Splits the NUL-ended names and puts them in byte order. */
function namesOf(list: Buffer): readonly string[] {
  const names = list.toString("utf8", 0, list.length - 1).split("\0");
  return names.length === 1 ? names : names.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}
