import type { BuildWarning } from "../../base/events.js";
import { excerpt, placeName } from "../../base/source.js";
import { neutralize } from "./text.js";

/** The block of warnings that ends a build's progress; empty when there were none. */
export function warningsText(warnings: readonly BuildWarning[]): string {
  if (warnings.length === 0) return "";
  const title = warnings.length === 1 ? "1 warning:" : `${warnings.length} warnings:`;
  return `${title}\n${warnings.map(warningText).join("")}\n`;
}

function warningText({ code, message, url, location }: BuildWarning): string {
  const address = url === undefined ? "" : ` (${url})`;
  const place = location === undefined ? "" : `${placeName(location)}\n${excerpt(location)}\n`;
  return `${neutralize(`WARNING: ${code}: ${message}${address}`)}\n${place}`;
}
