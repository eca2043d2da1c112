import { formatPlatform, type Platform, samePlatform } from "../../base/platform.js";
import type { Stage } from "./stage.js";

/** `linux/amd64`, or `linux/amd64->arm64` for a stage that runs on another platform than it builds for. */
export function shownPlatform(platform: Platform, target: Platform): string {
  const own = formatPlatform(platform);
  if (samePlatform(platform, target)) return own;
  const wanted = formatPlatform(target);
  return `${own}->${platform.os === target.os ? wanted.slice(target.os.length + 1) : wanted}`;
}

/** Begins the places of a stage's steps: `build`, or `build@linux/arm64` where several platforms are built. */
export function stageKey({ key }: Stage, target: Platform | undefined): string {
  return target === undefined ? key : `${key}@${formatPlatform(target)}`;
}
