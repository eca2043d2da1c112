/** Sizes and spans of time in Docker's words. */

const UNITS = ["B", "kB", "MB", "GB", "TB", "PB"] as const;
const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** `4.26MB`, `0B`: powers of 1000, this many digits that count. */
export function humanSize(bytes: number, digits = 3): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < UNITS.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${Number(value.toPrecision(digits))}${UNITS[unit] ?? ""}`;
}

/** `2 hours`, `About a minute`, `3 weeks`. */
export function humanDuration(ms: number): string {
  const seconds = Math.trunc(ms / 1000);
  if (seconds < 1) return "Less than a second";
  if (seconds === 1) return "1 second";
  if (seconds < MINUTE) return `${seconds} seconds`;
  const minutes = Math.trunc(seconds / MINUTE);
  if (minutes === 1) return "About a minute";
  if (minutes < 60) return `${minutes} minutes`;
  const hours = Math.trunc(seconds / HOUR + 0.5);
  if (hours === 1) return "About an hour";
  if (hours < 48) return `${hours} hours`;
  const days = Math.trunc(hours / 24);
  if (days < 14) return `${days} days`;
  if (days < 60) return `${Math.trunc(days / 7)} weeks`;
  if (days < 2 * 365) return `${Math.trunc(days / 30)} months`;
  return `${Math.trunc(seconds / DAY / 365)} years`;
}

/** `2 hours ago`, or `N/A` for a time that isn't known. */
export function timeAgo(timeMs: number | undefined, nowMs: number): string {
  return timeMs === undefined ? "N/A" : `${humanDuration(nowMs - timeMs)} ago`;
}

/** `2026-11-22 06:15:52 +0000 UTC`, in this machine's time zone. */
export function goTime(timeMs: number): string {
  const date = new Date(timeMs);
  const zone = new Intl.DateTimeFormat("en-US", { timeZoneName: "short" }).formatToParts(date).find(({ type }) => type === "timeZoneName");
  return `${localTime(date, " ")} ${offset(date).replace(":", "")} ${zone?.value ?? "UTC"}`;
}

/** `2026-11-22T06:15:52Z` (RFC 3339), in this machine's time zone. */
export function rfc3339(timeMs: number): string {
  const date = new Date(timeMs);
  const zone = offset(date);
  return `${localTime(date, "T")}${zone === "+00:00" ? "Z" : zone}`;
}

function localTime(date: Date, between: string): string {
  const two = (value: number): string => String(value).padStart(2, "0");
  const day = `${String(date.getFullYear()).padStart(4, "0")}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day}${between}${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

function offset(date: Date): string {
  const minutes = -date.getTimezoneOffset();
  const [hours, rest] = [Math.trunc(Math.abs(minutes) / 60), Math.abs(minutes) % 60];
  return `${minutes < 0 ? "-" : "+"}${String(hours).padStart(2, "0")}:${String(rest).padStart(2, "0")}`;
}
