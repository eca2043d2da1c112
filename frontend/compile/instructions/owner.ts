import { TsbuildError } from "../../../base/errors.js";
import type { Owner } from "../../../llb/op.js";

/** `user[:group]`; `:group` alone keeps root as the user. */
export function parseOwner(text: string): Owner {
  const colon = text.indexOf(":");
  if (colon < 0) return { user: text };
  const group = text.slice(colon + 1);
  const user = colon === 0 ? "0" : text.slice(0, colon);
  return group === "" ? { user } : { user, group };
}

/**
 * Where there is no tree to look names up in, an owner has to be numbers.
 * @throws {TsbuildError} DOCKERFILE_OWNER
 */
export function requireNumbers(owner: Owner, why: string): void {
  for (const [what, name] of [
    ["user", owner.user],
    ["group", owner.group],
  ] as const) {
    if (name === undefined || /^\d+$/.test(name)) continue;
    throw new TsbuildError("DOCKERFILE_OWNER", `can't find ${what} "${name}" for --chown: invalid user or group, ${why}`, {
      hint: "write numbers, for example --chown=1000:1000",
    });
  }
}
