/** The latest time that a plain tar header can say: 11 octal digits of seconds. */
const LATEST_SEC = 0o77777777777;

/**
 * A `Last-Modified` header (RFC 9110, 8.8.2) in seconds since 1970. Unset, unreadable or absurd: 1970, as BuildKit has it, so that the
 * same file always has the same time.
 */
export function modifiedSec(header: string | undefined): number {
  const seconds = header === undefined ? Number.NaN : Math.floor(Date.parse(header) / 1000);
  return seconds >= 0 && seconds <= LATEST_SEC ? seconds : 0;
}
