import type { Libc } from "./libc.js";
import { cString } from "./libc.js";
import { mountBind, mountNew } from "./mount-api.js";
import type { OverlayPlan } from "./overlay.js";
import { LONGEST_DATA, LONGEST_VALUE, overlayData } from "./overlay.js";
import { ShortLinks } from "./short-links.js";
import { SyscallError } from "./syscall-error.js";

const E2BIG = 7;

/** Performs the plan at `target`. `usesFsconfig`: whether the kernel takes lowers one by one. */
export function performOverlay(
  libc: Libc,
  plan: OverlayPlan,
  { target, usesFsconfig }: { readonly target: string; readonly usesFsconfig: boolean },
): void {
  if (plan.type === "bind") return mountBind(libc, { source: plan.source, target, readonly: plan.readonly, recursive: false });
  if (usesFsconfig && pathsOf(plan).every((path) => Buffer.byteLength(path) <= LONGEST_VALUE)) return byCalls(libc, plan, target);
  const links = new ShortLinks();
  try {
    const short = shortened(plan, links);
    if (usesFsconfig) byCalls(libc, short, target);
    else byText(libc, short, target);
  } finally {
    links.dispose();
  }
}

type Overlay = Extract<OverlayPlan, { type: "overlay" }>;

function pathsOf(plan: Overlay): readonly string[] {
  return plan.writable === undefined ? plan.lowers : [...plan.lowers, plan.writable.upper, plan.writable.work];
}

function shortened(plan: Overlay, links: ShortLinks): Overlay {
  const lowers = plan.lowers.map((path) => links.add(path));
  if (plan.writable === undefined) return { ...plan, lowers };
  return { ...plan, lowers, writable: { upper: links.add(plan.writable.upper), work: links.add(plan.writable.work) } };
}

function byCalls(libc: Libc, plan: Overlay, target: string): void {
  const options: (readonly [string, string])[] = plan.lowers.map((path) => ["lowerdir+", path]);
  if (plan.writable !== undefined) options.push(["upperdir", plan.writable.upper], ["workdir", plan.writable.work]);
  mountNew(libc, { type: "overlay", options: [...options, ...plan.flags], target });
}

/** mount(2), for kernels before 6.5. */
function byText(libc: Libc, plan: Overlay, target: string): void {
  const data = overlayData(plan);
  if (data.length > LONGEST_DATA) {
    throw new SyscallError({
      syscall: "mount overlay",
      errno: E2BIG,
      subjects: [target],
      reason: `${plan.lowers.length} layers are more than this kernel can stack; Linux 6.5 takes 500`,
    });
  }
  if (libc.mount(cString("overlay"), cString(target), cString("overlay"), 0, cString(data)) === 0) return;
  throw new SyscallError({ syscall: "mount overlay", errno: libc.errno(), subjects: [target], reason: data });
}
