import { TsbuildError } from "../../base/errors.js";
import type { Owner } from "../../llb/op.js";
import type { Ids } from "./destination.js";

/** Finds names in the passwd and group files of the tree that is changed. Undefined: no such name. */
export interface OwnerLookup {
  readonly lookupUser: (name: string) => Ids | undefined;
  readonly lookupGroup: (name: string) => number | undefined;
}

export const ROOT: Ids = { uid: 0, gid: 0 };
const NUMBER = /^\d+$/;
/** (uid_t)-1 means "unchanged" to chown(2). */
const LARGEST_ID = 4294967294;

/**
 * Numbers need no files. An empty user is root; without a group, a number is its own group and a name brings its group.
 * @throws {TsbuildError} USER_NOT_FOUND, GROUP_NOT_FOUND, INVALID_ID
 */
export function resolveOwner(owner: Owner, { lookupUser, lookupGroup }: OwnerLookup): Ids {
  const user = userIds(owner.user, lookupUser);
  if (owner.group === undefined || owner.group === "") return user;
  return { uid: user.uid, gid: groupId(owner.group, lookupGroup) };
}

function userIds(user: string, lookupUser: OwnerLookup["lookupUser"]): Ids {
  if (user === "") return ROOT;
  if (NUMBER.test(user)) return { uid: idOf(user), gid: idOf(user) };
  const found = lookupUser(user);
  if (found === undefined)
    throw new TsbuildError("USER_NOT_FOUND", `unknown user "${user}"`, {
      hint: "it is not in the image's /etc/passwd: make it before this step, or write a number",
    });
  return found;
}

function groupId(group: string, lookupGroup: OwnerLookup["lookupGroup"]): number {
  if (NUMBER.test(group)) return idOf(group);
  const found = lookupGroup(group);
  if (found === undefined)
    throw new TsbuildError("GROUP_NOT_FOUND", `unknown group "${group}"`, {
      hint: "it is not in the image's /etc/group: make it before this step, or write a number",
    });
  return found;
}

function idOf(text: string): number {
  const id = Number(text);
  if (id > LARGEST_ID) throw new TsbuildError("INVALID_ID", `"${text}" is no user or group id`, { hint: `ids go from 0 to ${LARGEST_ID}` });
  return id;
}
