/** The one place that loads koffi: libc's functions with types, and nothing decided here. */
import { createRequire } from "node:module";
import { SyscallError } from "./syscall-error.js";

/** Bytes of a path with a NUL at the end. */
export type CString = Uint8Array;
type Memory = Uint8Array | null;

/** Return values as libc gives them: -1 is a failure, with the reason in `errno()`. */
export interface Libc {
  errno(): number;
  mount(source: CString, target: CString, type: CString, flags: number, data: Memory): number;
  umount2(target: CString, flags: number): number;
  llistxattr(path: CString, list: Memory, size: number): number;
  lgetxattr(path: CString, name: CString, value: Memory, size: number): number;
  lsetxattr(path: CString, name: CString, value: Memory, size: number, flags: number): number;
  lremovexattr(path: CString, name: CString): number;
  utimensat(dirFd: number, path: CString, times: Memory, flags: number): number;
  flock(fd: number, operation: number): number;
  syncfs(fd: number): number;
  /** On a thread of libuv's pool, where errno gets lost. */
  syncfsAsync(fd: number, done: (failure: unknown, result: number) => void): void;
  umask(mask: number): number;
  /** By number: libcs older than the kernel have no names for these. */
  openat2(number: number, dirFd: number, path: CString, how: Memory, size: number): number;
  mknodat(number: number, dirFd: number, path: CString, mode: number, device: number): number;
  renameat2(number: number, fromFd: number, from: CString, toFd: number, to: CString, flags: number): number;
  fsopen(number: number, type: CString, flags: number): number;
  fsconfig(number: number, fd: number, command: number, key: Memory, value: Memory, aux: number): number;
  fsmount(number: number, fd: number, flags: number, attributes: number): number;
  moveMount(number: number, fromFd: number, from: CString, toFd: number, to: CString, flags: number): number;
  openTree(number: number, dirFd: number, path: CString, flags: number): number;
  mountSetattr(number: number, dirFd: number, path: CString, flags: number, attributes: Memory, size: number): number;
}

/** Binds the functions of the libc that Node itself runs on (glibc or musl). About 5 ms, once per thread. */
export function bindLibc(): Libc {
  // require, not import: the caller is synchronous, and programs that make no kernel call don't pay for it.
  const koffi: typeof import("koffi") = createRequire(import.meta.url)("koffi");
  const lib = koffi.load(null);
  const bySyscall = (...types: string[]): ReturnType<typeof lib.func> => lib.func("syscall", "long", ["long", ...types]);
  const syncfs = lib.func("int syncfs(int)");
  return {
    errno: () => koffi.errno(),
    mount: lib.func("int mount(void*, void*, void*, unsigned long, void*)"),
    umount2: lib.func("int umount2(void*, int)"),
    llistxattr: lib.func("long llistxattr(void*, void*, size_t)"),
    lgetxattr: lib.func("long lgetxattr(void*, void*, void*, size_t)"),
    lsetxattr: lib.func("int lsetxattr(void*, void*, void*, size_t, int)"),
    lremovexattr: lib.func("int lremovexattr(void*, void*)"),
    utimensat: lib.func("int utimensat(int, void*, void*, int)"),
    flock: lib.func("int flock(int, int)"),
    syncfs,
    syncfsAsync: syncfs.async,
    umask: lib.func("unsigned int umask(unsigned int)"),
    openat2: bySyscall("int", "void*", "void*", "size_t"),
    mknodat: bySyscall("int", "void*", "unsigned int", "unsigned int"),
    renameat2: bySyscall("int", "void*", "int", "void*", "unsigned int"),
    fsopen: bySyscall("void*", "unsigned int"),
    fsconfig: bySyscall("int", "unsigned int", "void*", "void*", "int"),
    fsmount: bySyscall("int", "unsigned int", "unsigned int"),
    moveMount: bySyscall("int", "void*", "int", "void*", "unsigned int"),
    openTree: bySyscall("int", "void*", "unsigned int"),
    mountSetattr: bySyscall("int", "void*", "unsigned int", "void*", "size_t"),
  };
}

/** The bytes libc wants. @throws {SyscallError} EINVAL when a NUL would cut the text short. */
export function cString(text: string | Uint8Array): CString {
  const bytes = typeof text === "string" ? Buffer.from(`${text}\0`) : Buffer.concat([text, Buffer.of(0)]);
  if (bytes.indexOf(0) !== bytes.length - 1)
    throw new SyscallError({ syscall: "path", errno: 22, subjects: [JSON.stringify(text.toString())], reason: "it holds a NUL byte" });
  return bytes;
}

/** Numbers of the calls that have no wrapper in older libcs. From asm/unistd_64.h and asm-generic/unistd.h; those above 424 are the same everywhere. */
export interface SyscallNumbers {
  readonly mknodat: number;
  readonly renameat2: number;
}

const BY_ARCHITECTURE: Readonly<Record<string, SyscallNumbers>> = {
  x64: { mknodat: 259, renameat2: 316 },
  arm64: { mknodat: 33, renameat2: 276 },
};

export const COMMON = { openTree: 428, moveMount: 429, fsopen: 430, fsconfig: 431, fsmount: 432, openat2: 437, mountSetattr: 442 } as const;

export function syscallNumbers(architecture: string): SyscallNumbers {
  const numbers = BY_ARCHITECTURE[architecture];
  if (numbers === undefined) throw new Error(`tsbuild knows the system calls of x64 and arm64, not of ${architecture}`);
  return numbers;
}

export const AT_FDCWD: number = -100;
