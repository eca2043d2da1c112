/** Whether this process may change mounts without anybody else seeing it. */
import { readlinkSync } from "node:fs";
import { isErrno } from "../base/errors.js";

/**
 * True in a mount namespace that isn't that of process 1, or when the launcher says so (TSBUILD_PRIVATE_MOUNTS=1): it also
 * makes a pid namespace, in which process 1 is tsbuild itself.
 */
export function isPrivateMountNamespace(): boolean {
  if (process.env["TSBUILD_PRIVATE_MOUNTS"] === "1") return true;
  try {
    return readlinkSync("/proc/self/ns/mnt") !== readlinkSync("/proc/1/ns/mnt");
  } catch (error) {
    // Process 1 may be closed to us even as root.
    if (isErrno(error, "EACCES", "EPERM", "ENOENT")) return false;
    throw error;
  }
}
