/** Where things lie in a store, and how a store comes to be. */
import { accessSync, chmodSync, constants, lstatSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { TsbuildError, isErrno } from "../base/errors.js";

/** Part of every path and key: another number is another store. */
export const SCHEMA = 1;

export const FOLDERS = [
  "content",
  "content/sha256",
  "snapshots",
  "steps",
  "places",
  "refs",
  "bases",
  "stat",
  "mounts",
  "containers",
  "volumes",
  "builds",
  "leases",
  "locks",
  "tmp",
  "synced",
] as const;

/**
 * The folder of this schema below `root`, made when it is missing: `ROOT/v1`.
 * @throws {TsbuildError} STORE_NOT_YOURS, STORE_TOO_NEW, STORE_UNUSABLE
 */
export function openLayout(root: string): string {
  const versions = ownedEntries(root) ?? makeRoot(root);
  const newest = Math.max(0, ...versions.map((name) => Number(/^v(\d+)$/.exec(name)?.[1] ?? 0)));
  if (newest > SCHEMA) {
    throw new TsbuildError("STORE_TOO_NEW", `the store ${root} was made by a newer tsbuild (schema ${newest}, this one knows ${SCHEMA})`, {
      hint: "use that tsbuild, or choose another store with --root",
    });
  }
  const dir = join(root, `v${SCHEMA}`);
  if (!versions.includes(`v${SCHEMA}`)) makeVersion(root, dir);
  else requireOwned(dir);
  requireWritable(dir);
  return dir;
}

function ownedEntries(root: string): readonly string[] | undefined {
  if (!requireOwned(root)) return undefined;
  return readdirSync(root);
}

/** False when there is nothing. Somebody else's folder could be changed under our hands. */
function requireOwned(path: string): boolean {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return false;
  if (!stat.isDirectory())
    throw new TsbuildError("STORE_UNUSABLE", `the store ${path} is not a folder`, { hint: "choose another with --root or TSBUILD_ROOT" });
  if (stat.uid !== process.geteuid?.()) {
    throw new TsbuildError("STORE_NOT_YOURS", `the store ${path} belongs to user ${stat.uid}, not to you (${process.geteuid?.()})`, {
      hint: "choose another with --root or TSBUILD_ROOT",
    });
  }
  return true;
}

/** Every command writes: leases, locks, uses. A filesystem that went read-only after an error says so here, and not somewhere deep. */
function requireWritable(dir: string): void {
  try {
    accessSync(dir, constants.W_OK);
  } catch (error) {
    throw new TsbuildError("STORE_UNUSABLE", `the store ${dir} can't be written to`, {
      cause: error,
      hint: "is its filesystem mounted read-only? choose another store with --root or TSBUILD_ROOT",
    });
  }
}

function makeRoot(root: string): readonly string[] {
  making(root, () => mkdirSync(root, { recursive: true, mode: 0o700 }));
  return ownedEntries(root) ?? [];
}

function making(path: string, make: () => void): void {
  try {
    make();
  } catch (error) {
    throw new TsbuildError("STORE_UNUSABLE", `the store ${path} can't be made`, {
      cause: error,
      hint: "choose another with --root or TSBUILD_ROOT",
    });
  }
}

/** All folders appear at once, so that a store that exists needs no second look. */
function makeVersion(root: string, dir: string): void {
  const draft = join(root, `.new-${process.pid}-${Math.random().toString(36).slice(2)}`);
  making(dir, () => {
    mkdirSync(draft, { mode: 0o700 });
    chmodSync(draft, 0o700);
    for (const folder of FOLDERS) mkdirSync(join(draft, folder), { mode: 0o700 });
  });
  try {
    renameSync(draft, dir);
  } catch (error) {
    rmSync(draft, { recursive: true, force: true });
    // Another process was faster.
    if (!isErrno(error, "ENOTEMPTY", "EEXIST")) throw error;
  }
}
