/** Who a process runs as, and who owns copied files: names looked up in the image's own /etc/passwd and /etc/group. */
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { TsbuildError, isErrno } from "../base/errors.js";
import type { Kernel } from "../sys/types.js";
import type { GroupEntry, PasswdEntry } from "./passwd.js";
import { parseGroup, parsePasswd } from "./passwd.js";

export interface ResolvedUser {
  readonly uid: number;
  readonly gid: number;
  /** Ascending, `gid` among them: a process must not escape a group's denial by dropping it (CVE-2022-36109). */
  readonly additionalGids: readonly number[];
  readonly home: string;
  /** The name in /etc/passwd, when there is one. */
  readonly name?: string | undefined;
}

/** fcntl.h: Node has no name for it. */
const O_PATH = 0o10000000;
const MAX_ID = 2_147_483_647;
const MAX_DATABASE_BYTES = 10 * 1024 * 1024;

/**
 * Docker's reading of `name|uid[:group|gid]`; empty is root. A number is always an id, never a name. Without a group the user's own
 * group from /etc/passwd counts (0 when it isn't listed) and the groups that list the user by name are added. `groups` come on top.
 * @throws {TsbuildError} USER_INVALID, USER_NOT_FOUND, GROUP_INVALID, GROUP_NOT_FOUND, USER_DATABASE_UNREADABLE
 */
export function resolveUser(
  kernel: Kernel,
  rootfs: string,
  { user, groups = [] }: { readonly user: string; readonly groups?: readonly string[] | undefined },
): ResolvedUser {
  const { userPart, groupPart } = splitUser(user);
  const passwd = readPasswd(kernel, rootfs);
  const database = readGroups(kernel, rootfs);
  const id = userPart === "" ? 0 : numericId(userPart, "USER_INVALID", "user");
  const entry = id === undefined ? passwd.find(({ name }) => name === userPart) : passwd.find(({ uid }) => uid === id);
  const uid = id ?? entry?.uid;
  if (uid === undefined) throw userNotFound(userPart);
  const gid = groupPart === undefined ? (entry?.gid ?? 0) : groupId(groupPart, database);
  const listed =
    groupPart === undefined && entry !== undefined
      ? database.filter(({ members }) => members.includes(entry.name)).map((group) => group.gid)
      : [];
  const additional = new Set([gid, ...listed, ...groups.map((group) => groupId(group, database))]);
  return {
    uid,
    gid,
    additionalGids: [...additional].sort((a, b) => a - b),
    home: entry?.home === undefined || entry.home === "" ? "/" : entry.home,
    name: entry?.name,
  };
}

/**
 * Docker's reading of `--chown=user[:group]`: a number alone is also the group, a name brings its own group, `:group` is root's uid.
 * Numbers need no files.
 * @throws {TsbuildError} as resolveUser does
 */
export function resolveOwner(kernel: Kernel, rootfs: string, owner: string): { readonly uid: number; readonly gid: number } {
  const { userPart, groupPart } = splitUser(owner);
  const id = userPart === "" ? 0 : numericId(userPart, "USER_INVALID", "user");
  const { uid, gid } = id === undefined ? lookupUser(kernel, rootfs, userPart) : { uid: id, gid: id };
  if (groupPart === undefined) return { uid, gid };
  return { uid, gid: numericId(groupPart, "GROUP_INVALID", "group") ?? lookupGroup(kernel, rootfs, groupPart).gid };
}

/** @throws {TsbuildError} USER_NOT_FOUND, USER_DATABASE_UNREADABLE */
export function lookupUser(kernel: Kernel, rootfs: string, name: string): PasswdEntry {
  const entry = readPasswd(kernel, rootfs).find((candidate) => candidate.name === name);
  if (entry === undefined) throw userNotFound(name);
  return entry;
}

/** @throws {TsbuildError} GROUP_NOT_FOUND, USER_DATABASE_UNREADABLE */
export function lookupGroup(kernel: Kernel, rootfs: string, name: string): GroupEntry {
  const entry = readGroups(kernel, rootfs).find((candidate) => candidate.name === name);
  if (entry === undefined) throw groupNotFound(name);
  return entry;
}

function splitUser(text: string): { readonly userPart: string; readonly groupPart: string | undefined } {
  const [userPart = "", groupPart, ...rest] = text.split(":");
  if (rest.length > 0) throw new TsbuildError("USER_INVALID", `"${text}" is not a user`, { hint: "write name|uid[:group|gid]" });
  return { userPart, groupPart: groupPart === "" ? undefined : groupPart };
}

/** `undefined` for a name. What looks like a number but is none, or none in range, is never taken for a name (CVE-2024-40635). */
function numericId(text: string, code: string, kind: string): number | undefined {
  if (/^\d+$/.test(text)) {
    const id = Number(text);
    if (id <= MAX_ID) return id;
    throw new TsbuildError(code, `${kind} id ${text} is out of range`, { hint: `ids go from 0 to ${MAX_ID}` });
  }
  if (text === "" || /^[+-]/.test(text) || /[\s\0-\x1f\x7f:,/]/.test(text))
    throw new TsbuildError(code, `"${text}" is not a ${kind}`, { hint: "write a name, or a number" });
  return undefined;
}

function groupId(text: string, groups: readonly GroupEntry[]): number {
  const gid = numericId(text, "GROUP_INVALID", "group") ?? groups.find(({ name }) => name === text)?.gid;
  if (gid === undefined) throw groupNotFound(text);
  return gid;
}

function userNotFound(name: string): TsbuildError {
  return new TsbuildError("USER_NOT_FOUND", `unable to find user ${name}: no matching entries in passwd file`, {
    hint: "add the user to the image, or use a number",
  });
}

function groupNotFound(name: string): TsbuildError {
  return new TsbuildError("GROUP_NOT_FOUND", `unable to find group ${name}: no matching entries in group file`, {
    hint: "add the group to the image, or use a number",
  });
}

function readPasswd(kernel: Kernel, rootfs: string): readonly PasswdEntry[] {
  return parsePasswd(readDatabase(kernel, rootfs, "/etc/passwd"));
}

function readGroups(kernel: Kernel, rootfs: string): readonly GroupEntry[] {
  return parseGroup(readDatabase(kernel, rootfs, "/etc/group"));
}

/** Empty when the image has no such file. Links are followed inside the image only. */
function readDatabase(kernel: Kernel, rootfs: string, path: string): string {
  const rootFd = openSync(rootfs, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    // O_PATH: opening a device does things by itself (a watchdog starts, a tape rewinds), and a FIFO waits for a writer.
    const placeFd = kernel.openAt(rootFd, path, { flags: O_PATH, resolve: "in-root" });
    try {
      if (!fstatSync(placeFd).isFile()) throw new TsbuildError("USER_DATABASE_UNREADABLE", `the image's ${path} is not a regular file`);
      return readPlace(placeFd, path);
    } finally {
      closeSync(placeFd);
    }
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR")) return "";
    if (error instanceof TsbuildError) throw error;
    throw new TsbuildError("USER_DATABASE_UNREADABLE", `the image's ${path} can't be read`, { cause: error });
  } finally {
    closeSync(rootFd);
  }
}

function readPlace(placeFd: number, path: string): string {
  const fd = openSync(`/proc/self/fd/${placeFd}`, constants.O_RDONLY);
  try {
    return readRegular(fd, path);
  } finally {
    closeSync(fd);
  }
}

function readRegular(fd: number, path: string): string {
  const stat = fstatSync(fd);
  if (stat.size > MAX_DATABASE_BYTES) throw new TsbuildError("USER_DATABASE_UNREADABLE", `the image's ${path} is larger than 10 MiB`);
  const buffer = Buffer.allocUnsafe(stat.size);
  let length = 0;
  while (length < buffer.length) {
    const count = readSync(fd, buffer, length, buffer.length - length, null);
    if (count === 0) break;
    length += count;
  }
  return buffer.toString("utf8", 0, length);
}
