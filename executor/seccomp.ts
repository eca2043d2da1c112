/**
 * The default system call filter: which calls a process may make, by its capabilities. It allows what Docker's
 * default profile allows (engine 29), as a list of names; everything else fails with EPERM.
 * Names that a runtime's libseccomp doesn't know are ignored by it.
 */
import { ALWAYS_ALLOWED, BY_CAPABILITY } from "./seccomp-names.js";

export interface SeccompProfile {
  readonly defaultAction: string;
  readonly defaultErrnoRet: number;
  readonly architectures: readonly string[];
  readonly syscalls: readonly SeccompRule[];
}

export interface SeccompRule {
  readonly names: readonly string[];
  readonly action: string;
  readonly errnoRet?: number;
  readonly args?: readonly SeccompArgument[];
}

export interface SeccompArgument {
  readonly index: number;
  readonly value: number;
  readonly valueTwo?: number;
  readonly op: string;
}

export interface SeccompSubject {
  readonly capabilities: readonly string[];
  /** The host's, in OCI's words: `amd64`. */
  readonly hostArchitecture: string;
  /** The image's: a 32-bit x86 image needs the old socketcall multiplexer. */
  readonly imageArchitecture: string;
}

const ALLOW = "SCMP_ACT_ALLOW";
const ERRNO = "SCMP_ACT_ERRNO";
const EPERM = 1;
/** glibc falls back from clone3 to clone on ENOSYS only. */
const ENOSYS = 38;

const ARCHITECTURES: Readonly<Record<string, readonly string[]>> = {
  amd64: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
  arm64: ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"],
  "386": ["SCMP_ARCH_X86"],
  arm: ["SCMP_ARCH_ARM"],
  riscv64: ["SCMP_ARCH_RISCV64"],
  ppc64le: ["SCMP_ARCH_PPC64LE"],
  s390x: ["SCMP_ARCH_S390X", "SCMP_ARCH_S390"],
};

const BY_ARCHITECTURE: Readonly<Record<string, readonly string[]>> = {
  amd64: ["arch_prctl", "modify_ldt"],
  "386": ["modify_ldt"],
  arm64: ["arm_fadvise64_64", "arm_sync_file_range", "sync_file_range2", "breakpoint", "cacheflush", "set_tls"],
  arm: ["arm_fadvise64_64", "arm_sync_file_range", "sync_file_range2", "breakpoint", "cacheflush", "set_tls"],
  riscv64: ["riscv_flush_icache", "riscv_hwprobe"],
  ppc64le: ["sync_file_range2", "swapcontext"],
  s390x: ["s390_pci_mmio_read", "s390_pci_mmio_write", "s390_runtime_instr"],
};

/** personality(2): PER_LINUX, PER_LINUX32, and both with UNAME26 (0x20000); all ones asks without changing. */
const PERSONALITIES = [0x0, 0x8, 0x20000, 0x20008, 0xffffffff];

/** CLONE_NEW{NS,CGROUP,UTS,IPC,USER,PID,NET}: no new namespace without CAP_SYS_ADMIN. */
const CLONE_NAMESPACES = 0x7e020000;

/** sys/socket.h. AF_ALG is the kernel's crypto interface (CVE-2026-31431), AF_VSOCK reaches the hypervisor. */
const AF_ALG = 38;
const AF_VSOCK = 40;

export function seccompProfile(subject: SeccompSubject): SeccompProfile {
  const architectures = ARCHITECTURES[subject.hostArchitecture];
  return {
    defaultAction: ERRNO,
    defaultErrnoRet: EPERM,
    architectures: architectures ?? [],
    syscalls: [
      { names: allowedNames(subject), action: ALLOW },
      ...PERSONALITIES.map((value) => rule("personality", { index: 0, value, op: "SCMP_CMP_EQ" })),
      ...socketRules(),
      ...cloneRules(subject),
    ],
  };
}

/**
 * socketcall(2) hides the address family behind a pointer that a filter can't follow, so it would open AF_ALG to
 * any 32-bit program. Only images that are 32-bit x86 throughout get it: their libc opens no socket without.
 */
function allowedNames(subject: SeccompSubject): readonly string[] {
  const names = new Set([...ALWAYS_ALLOWED, ...(BY_ARCHITECTURE[subject.hostArchitecture] ?? [])]);
  if (subject.imageArchitecture === "386") names.add("socketcall");
  for (const capability of subject.capabilities) for (const name of BY_CAPABILITY[capability] ?? []) names.add(name);
  return [...names].sort();
}

/** Conditions on one argument within a rule are joined by AND, so "neither of two" takes three rules. */
function socketRules(): readonly SeccompRule[] {
  return [
    rule("socket", { index: 0, value: AF_ALG, op: "SCMP_CMP_LT" }),
    rule("socket", { index: 0, value: AF_ALG + 1, op: "SCMP_CMP_EQ" }),
    rule("socket", { index: 0, value: AF_VSOCK, op: "SCMP_CMP_GT" }),
  ];
}

/** clone3 hides its flags behind a pointer. On s390x clone's flags are its second argument. */
function cloneRules(subject: SeccompSubject): readonly SeccompRule[] {
  if (subject.capabilities.includes("CAP_SYS_ADMIN")) return [];
  const index = subject.hostArchitecture === "s390x" ? 1 : 0;
  return [
    rule("clone", { index, value: CLONE_NAMESPACES, valueTwo: 0, op: "SCMP_CMP_MASKED_EQ" }),
    { names: ["clone3"], action: ERRNO, errnoRet: ENOSYS },
  ];
}

function rule(name: string, argument: SeccompArgument): SeccompRule {
  return { names: [name], action: ALLOW, args: [argument] };
}
