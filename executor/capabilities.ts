/** Which capabilities a process gets. Names and numbers are those of linux/capability.h. */
import { TsbuildError } from "../base/errors.js";
import type { ProcessSecurity } from "./types.js";

/** In the order of their bits. */
export const ALL_CAPABILITIES: readonly string[] = [
  "CAP_CHOWN",
  "CAP_DAC_OVERRIDE",
  "CAP_DAC_READ_SEARCH",
  "CAP_FOWNER",
  "CAP_FSETID",
  "CAP_KILL",
  "CAP_SETGID",
  "CAP_SETUID",
  "CAP_SETPCAP",
  "CAP_LINUX_IMMUTABLE",
  "CAP_NET_BIND_SERVICE",
  "CAP_NET_BROADCAST",
  "CAP_NET_ADMIN",
  "CAP_NET_RAW",
  "CAP_IPC_LOCK",
  "CAP_IPC_OWNER",
  "CAP_SYS_MODULE",
  "CAP_SYS_RAWIO",
  "CAP_SYS_CHROOT",
  "CAP_SYS_PTRACE",
  "CAP_SYS_PACCT",
  "CAP_SYS_ADMIN",
  "CAP_SYS_BOOT",
  "CAP_SYS_NICE",
  "CAP_SYS_RESOURCE",
  "CAP_SYS_TIME",
  "CAP_SYS_TTY_CONFIG",
  "CAP_MKNOD",
  "CAP_LEASE",
  "CAP_AUDIT_WRITE",
  "CAP_AUDIT_CONTROL",
  "CAP_SETFCAP",
  "CAP_MAC_OVERRIDE",
  "CAP_MAC_ADMIN",
  "CAP_SYSLOG",
  "CAP_WAKE_ALARM",
  "CAP_BLOCK_SUSPEND",
  "CAP_AUDIT_READ",
  "CAP_PERFMON",
  "CAP_BPF",
  "CAP_CHECKPOINT_RESTORE",
];

/** Docker's fourteen: CapEff 00000000a80425fb. */
export const DEFAULT_CAPABILITIES: readonly string[] = [
  "CAP_CHOWN",
  "CAP_DAC_OVERRIDE",
  "CAP_FOWNER",
  "CAP_FSETID",
  "CAP_KILL",
  "CAP_SETGID",
  "CAP_SETUID",
  "CAP_SETPCAP",
  "CAP_NET_BIND_SERVICE",
  "CAP_NET_RAW",
  "CAP_SYS_CHROOT",
  "CAP_MKNOD",
  "CAP_AUDIT_WRITE",
  "CAP_SETFCAP",
];

/**
 * The capabilities of a process, in bit order: Docker's rules for --cap-add, --cap-drop and --privileged.
 * `ALL` works in both lists; a drop wins over an add, except that `--cap-drop ALL` only clears the defaults.
 * `bounding` is what this host can give: "all" means all of those, a name beyond them is an error.
 * @throws {TsbuildError} CAPABILITY_UNKNOWN, CAPABILITY_UNAVAILABLE
 */
export function capabilitiesOf(
  security: Pick<ProcessSecurity, "capAdd" | "capDrop" | "privileged">,
  bounding: readonly string[],
): readonly string[] {
  if (security.privileged) return bounding;
  const add = security.capAdd.map(normalizeName);
  const drop = security.capDrop.map(normalizeName);
  const wanted = new Set<string>(
    add.includes("ALL") ? bounding : drop.includes("ALL") ? [] : DEFAULT_CAPABILITIES.filter((name) => bounding.includes(name)),
  );
  for (const name of add) if (name !== "ALL") wanted.add(available(name, bounding));
  for (const name of drop) wanted.delete(name);
  return ALL_CAPABILITIES.filter((name) => wanted.has(name));
}

/** Of a mask as /proc/PID/status shows it: `00000000a80425fb`. Bits this program doesn't know are left out. */
export function capabilitiesOfMask(hex: string): readonly string[] {
  const mask = BigInt(`0x${hex}`);
  return ALL_CAPABILITIES.filter((_, bit) => ((mask >> BigInt(bit)) & 1n) === 1n);
}

function normalizeName(text: string): string {
  const upper = text.toUpperCase();
  if (upper === "ALL") return "ALL";
  const name = upper.startsWith("CAP_") ? upper : `CAP_${upper}`;
  if (!ALL_CAPABILITIES.includes(name)) {
    throw new TsbuildError("CAPABILITY_UNKNOWN", `unknown capability "${text}"`, {
      hint: "the names are those of capabilities(7), with or without CAP_",
    });
  }
  return name;
}

function available(name: string, bounding: readonly string[]): string {
  if (bounding.includes(name)) return name;
  throw new TsbuildError("CAPABILITY_UNAVAILABLE", `this host can't give ${name}: tsbuild itself doesn't have it`, {
    hint: "leave out the --cap-add, or start tsbuild with that capability",
  });
}
