/** Folders that are doors to other processes' or the runtime's own files (CVE-2024-21626). */
const DOORS = /^\/(proc\/(self|thread-self|\d+)(\/task\/\d+)?\/(fd|root|cwd|exe|map_files)|dev\/(fd|stdin|stdout|stderr))(\/|$)/;

/** True for an absolute, normalized path that leads through one. */
export function isDoor(path: string): boolean {
  return DOORS.test(path);
}
