/** What makes a tar a tar (POSIX pax, "ustar Interchange Format"). */

export const TAR_BLOCK: number = 512;
const CHECKSUM_AT = 148;
const CHECKSUM_END = 156;
const BLANK = 0x20;

/** Whether a block carries the checksum of a tar header. A block of zeros doesn't. */
export function isTarHeader(bytes: Buffer): boolean {
  if (bytes.length < TAR_BLOCK || bytes.subarray(0, TAR_BLOCK).every((byte) => byte === 0)) return false;
  let sum = 0;
  for (let at = 0; at < TAR_BLOCK; at++) sum += at >= CHECKSUM_AT && at < CHECKSUM_END ? BLANK : (bytes[at] ?? 0);
  const digits = /^[\s\0]*([0-7]+)/.exec(bytes.toString("latin1", CHECKSUM_AT, CHECKSUM_END))?.[1];
  return digits !== undefined && Number.parseInt(digits, 8) === sum;
}
