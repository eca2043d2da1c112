/** What to ask of the kernel for an overlay, as plain data. `overlay-mount.ts` asks. */
import type { OverlayMount } from "./types.js";

/** fsconfig takes strings shorter than this, with their NUL. */
export const LONGEST_VALUE = 255;

/** One page, with its NUL, is all that mount(2) takes. */
export const LONGEST_DATA = 4095;

export type OverlayPlan =
  | { readonly type: "bind"; readonly source: string; readonly readonly: boolean }
  | {
      readonly type: "overlay";
      readonly lowers: readonly string[];
      readonly writable?: { readonly upper: string; readonly work: string };
      readonly flags: readonly (readonly [string, string])[];
    };

/** Index and metacopy would tie a snapshot to its parents, redirects would hide renames from the tar. */
const ALWAYS: readonly (readonly [string, string])[] = [
  ["index", "off"],
  ["metacopy", "off"],
  ["redirect_dir", "off"],
];

export function planOverlay(overlay: OverlayMount, host: { readonly isUserNamespace: boolean }): OverlayPlan {
  const { lowers, upper, work } = overlay;
  const [first] = lowers;
  if (upper === undefined) {
    if (first === undefined) throw new Error("Internal error: an overlay needs a layer");
    if (lowers.length === 1) return { type: "bind", source: first, readonly: true };
    return { type: "overlay", lowers, flags: flagsFor(overlay, host) };
  }
  if (first === undefined) return { type: "bind", source: upper, readonly: false };
  if (work === undefined) throw new Error("Internal error: a writable overlay needs a work folder");
  return { type: "overlay", lowers, writable: { upper, work }, flags: flagsFor(overlay, host) };
}

function flagsFor(overlay: OverlayMount, host: { readonly isUserNamespace: boolean }): readonly (readonly [string, string])[] {
  return [
    ...ALWAYS,
    ...(host.isUserNamespace ? [["userxattr", ""] as const] : []),
    ...(overlay.volatile === true && overlay.upper !== undefined ? [["volatile", ""] as const] : []),
  ];
}

/** `lowerdir+` came with Linux 6.5. */
export function hasLowerdirPlus(release: string): boolean {
  const [major = 0, minor = 0] = release.split(/[.-]/).map(Number);
  return major > 6 || (major === 6 && minor >= 5);
}

/** The text for mount(2). Paths must hold no colon, comma or backslash; those of `ShortLinks` don't. */
export function overlayData(plan: Extract<OverlayPlan, { type: "overlay" }>): string {
  const options = [["lowerdir", plan.lowers.join(":")] as const];
  const writable =
    plan.writable === undefined ? [] : [["upperdir", plan.writable.upper] as const, ["workdir", plan.writable.work] as const];
  return [...options, ...writable, ...plan.flags].map(([key, value]) => (value === "" ? key : `${key}=${value}`)).join(",");
}
