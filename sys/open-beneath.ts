import { constants } from "node:fs";
import type { Libc } from "./libc.js";
import { COMMON, cString } from "./libc.js";
import { SyscallError } from "./syscall-error.js";
import type { BeneathOptions } from "./types.js";

/** linux/openat2.h */
const RESOLVE_NO_MAGICLINKS = 0x02;
const RESOLVE_NO_SYMLINKS = 0x04;
const RESOLVE_BENEATH = 0x08;
const RESOLVE_IN_ROOT = 0x10;

const RESOLVE: Readonly<Record<BeneathOptions["resolve"], number>> = {
  "in-root": RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
  beneath: RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
  "no-links": RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
};

/** O_TMPFILE without O_DIRECTORY, and O_CLOEXEC, which Node keeps to itself (asm-generic/fcntl.h). */
const O_TMPFILE = 0o20000000;
const O_CLOEXEC = 0o2000000;
const EAGAIN = 11;
const EINTR = 4;
/** The kernel gives up when something is renamed while it goes up by `..`; a busy tree needs some more attempts. */
const ATTEMPTS = 256;

export interface OpenRequest {
  readonly rootFd: number;
  readonly path: string | Buffer;
  readonly options: BeneathOptions;
}

/** openat2(2). An empty path is the root itself. */
export function openBeneath(libc: Libc, { rootFd, path, options }: OpenRequest): number {
  const how = openHow(options);
  const bytes = cString(path.length === 0 ? "." : path);
  for (let attempt = 1; ; attempt++) {
    const fd = libc.openat2(COMMON.openat2, rootFd, bytes, how, how.length);
    if (fd >= 0) return fd;
    const errno = libc.errno();
    if ((errno !== EAGAIN && errno !== EINTR) || attempt === ATTEMPTS)
      throw new SyscallError({ syscall: "openat2", errno, subjects: [path] });
  }
}

/** struct open_how: flags, mode, resolve, eight bytes each. A mode without O_CREAT is refused by the kernel. */
function openHow(options: BeneathOptions): Buffer {
  const how = Buffer.alloc(24);
  const creates = (options.flags & (constants.O_CREAT | O_TMPFILE)) !== 0;
  how.writeBigUInt64LE(BigInt(options.flags | O_CLOEXEC), 0);
  how.writeBigUInt64LE(creates ? BigInt(options.mode ?? 0o666) : 0n, 8);
  how.writeBigUInt64LE(BigInt(RESOLVE[options.resolve]), 16);
  return how;
}
