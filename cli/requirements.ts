/** What must hold before a command begins. */
import { readFileSync } from "node:fs";
import { TsbuildError } from "../base/errors.js";

const OLDEST_NODE = [20, 18] as const;
/** linux/capability.h */
const CAP_SYS_ADMIN = 21n;

/** @throws {TsbuildError} NODE_TOO_OLD */
export function checkNode(version: string): void {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1])) return;
  throw new TsbuildError("NODE_TOO_OLD", `tsbuild needs Node.js ${OLDEST_NODE.join(".")} or newer, and node on PATH is ${version}`, {
    hint: "install a newer one, or put it first on PATH",
  });
}

/** @throws {TsbuildError} NEEDS_ROOT, NEEDS_CAPABILITIES */
export function checkPrivilege(): void {
  if (process.geteuid?.() !== 0) {
    throw new TsbuildError("NEEDS_ROOT", "tsbuild needs root for now: it mounts file systems and starts containers", {
      hint: "run it with sudo; running without root is not supported yet",
    });
  }
  if (hasCapability(readFileSync("/proc/self/status", "latin1"), CAP_SYS_ADMIN)) return;
  throw new TsbuildError(
    "NEEDS_CAPABILITIES",
    "this root may not mount (CAP_SYS_ADMIN is missing): tsbuild is probably running in a container",
    {
      hint: "run it outside, or give the container the right to mount, for example with --privileged",
    },
  );
}

/** Reads the effective set from the text of /proc/PID/status (proc_pid_status(5)). */
export function hasCapability(status: string, bit: bigint): boolean {
  const mask = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1];
  return mask !== undefined && ((BigInt(`0x${mask}`) >> bit) & 1n) === 1n;
}
