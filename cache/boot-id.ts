import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";

/** Names the time since the kernel started. `TSBUILD_TEST_BOOT_ID` lets tests pretend a reboot. */
export function readBootId(): string {
  const forced = process.env["TSBUILD_TEST_BOOT_ID"];
  if (forced !== undefined && /^[\w-]{1,64}$/.test(forced)) return forced;
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
  } catch {
    // Without it nothing is trusted after this process: right, and only slower.
    return randomUUID();
  }
}

/** Milliseconds on the kernel's own clock, which all processes of a boot share and nobody can set back. */
export function sinceBootMs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1000 + Math.floor(nanoseconds / 1e6);
}
