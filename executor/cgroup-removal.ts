/** Ends everything in a cgroup and removes it from all hierarchies; also what a dead tsbuild left behind. */
import { readFileSync, readdirSync, rmSync, rmdirSync, statfsSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { TsbuildError, isErrno } from "../base/errors.js";
import { CGROUP_ROOT } from "./host.js";

/** linux/magic.h: CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC */
const CGROUP_MAGICS = [0x27e0eb, 0x63677270];

const PATIENCE_MS = 10_000;
const FIRST_PAUSE_MS = 1;
const LONGEST_PAUSE_MS = 50;

/**
 * Kills the members of `name` (`/tsbuild/ID`) and of the groups below it and removes them all, in every mounted hierarchy.
 * A group that isn't there is fine.
 * @throws {TsbuildError} CGROUP_BUSY when members survive SIGKILL for ten seconds (a process in uninterruptible sleep)
 */
export async function removeCgroup(name: string, patienceMs: number = PATIENCE_MS): Promise<void> {
  const deadline = performance.now() + patienceMs;
  removeFromCover(name);
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
    const roots = hierarchies();
    const isGone = roots.map((root) => removeTree(join(root, name))).every(Boolean);
    if (isGone) return;
    const members = tryKillCgroup(name);
    if (performance.now() > deadline) throw busy(name, members);
    await delay(pauseMs);
  }
}

/** Sends SIGKILL to all members, once, and says who they were. */
export function tryKillCgroup(name: string): readonly number[] {
  const pids = new Set<number>();
  for (const root of hierarchies()) killTree(join(root, name), pids);
  return [...pids];
}

function killTree(folder: string, seen: Set<number>): void {
  // Version 2, Linux 5.14: one write ends the whole tree. The freezer of version 1 holds signals back.
  if (writeIfPresent(join(folder, "cgroup.kill"), "1")) return;
  writeIfPresent(join(folder, "freezer.state"), "THAWED");
  for (const pid of membersOf(folder)) {
    if (!seen.has(pid)) killProcess(pid);
    seen.add(pid);
  }
  for (const child of childrenOf(folder)) killTree(join(folder, child), seen);
}

/** Zero stands for a process outside this pid namespace; a runtime's container is never that. */
function membersOf(folder: string): readonly number[] {
  return (readIfPresent(join(folder, "cgroup.procs")) ?? "")
    .split("\n")
    .map(Number)
    .filter((pid) => pid > 0);
}

function killProcess(pid: number): void {
  if (pid === process.pid) return;
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if (!isErrno(error, "ESRCH")) throw error;
  }
}

/** Where version 2 is covered, crun writes plain files in its stead. */
function removeFromCover(name: string): void {
  const unified = join(CGROUP_ROOT, "unified");
  if (!CGROUP_MAGICS.includes(typeOf(unified) ?? 0)) rmSync(join(unified, name), { recursive: true, force: true });
}

function typeOf(path: string): number | undefined {
  try {
    return statfsSync(path).type;
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}

/** True when nothing is left of the tree. */
function removeTree(folder: string): boolean {
  try {
    rmdirSync(folder);
    return true;
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENODEV")) return true;
    if (!isErrno(error, "EBUSY", "ENOTEMPTY")) throw error;
  }
  const children = childrenOf(folder);
  if (children.length === 0) return false;
  return children.map((child) => removeTree(join(folder, child))).every(Boolean) && removeTree(folder);
}

function childrenOf(folder: string): readonly string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name);
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENODEV")) return [];
    throw error;
  }
}

/** The roots of the mounted hierarchies: those directly in /sys/fs/cgroup, or that folder itself. One that is covered (see leaveHybridMode) is none. */
function hierarchies(): readonly string[] {
  return [
    ...new Set(
      readFileSync("/proc/self/mountinfo", "utf8")
        .split("\n")
        .flatMap((line) => {
          const [left = "", right = ""] = line.split(" - ");
          const mountPoint = left.split(" ")[4];
          if (mountPoint === undefined || !/^cgroup2? /.test(right)) return [];
          const isRoot = mountPoint === CGROUP_ROOT || dirname(mountPoint) === CGROUP_ROOT;
          return isRoot && CGROUP_MAGICS.includes(statfsSync(mountPoint).type) ? [mountPoint] : [];
        }),
    ),
  ];
}

function readIfPresent(path: string): string | undefined {
  try {
    return readFileSync(path, "latin1");
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENODEV", "EOPNOTSUPP")) return undefined;
    throw error;
  }
}

function writeIfPresent(path: string, text: string): boolean {
  try {
    writeFileSync(path, text, { flag: "r+" });
    return true;
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENODEV", "EOPNOTSUPP")) return false;
    throw error;
  }
}

function busy(name: string, members: readonly number[]): TsbuildError {
  return new TsbuildError(
    "CGROUP_BUSY",
    `the cgroup ${name} can't be removed: ${members.length === 0 ? "it stays busy" : `processes ${members.join(", ")} don't die`}`,
    {
      hint: "a process in uninterruptible sleep waits for a disk or network that doesn't answer",
    },
  );
}
