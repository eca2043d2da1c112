/** What a redirect may do. Pure. */
import { TsbuildError } from "../../base/errors.js";
import { isLinkLocal, isLoopbackHost } from "./hosts.js";

export const MAX_REDIRECTS = 5;

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

export function isRedirect(status: number): boolean {
  return REDIRECTS.has(status);
}

/**
 * Where a `Location` header leads. It never leads from https to http, to a scheme that isn't HTTP,
 * to a metadata service, or from elsewhere to this machine.
 * @throws {TsbuildError} REGISTRY_ERROR
 */
export function redirectTarget(from: URL, location: string | undefined): URL {
  if (location === undefined || location === "") throw refused(from, "without saying where to");
  if (!URL.canParse(location, from.href)) throw refused(from, "to something that is not a URL");
  const to = new URL(location, from);
  if (to.protocol !== "https:" && to.protocol !== "http:") throw refused(from, `to a ${to.protocol} URL`);
  if (from.protocol === "https:" && to.protocol === "http:") throw refused(from, `from https to plain http at ${to.host}`);
  if (isLinkLocal(to.hostname)) throw refused(from, `to the link-local address ${to.host}`);
  if (isLoopbackHost(to.hostname) && !isLoopbackHost(from.hostname)) throw refused(from, `to this machine (${to.host})`);
  to.username = "";
  to.password = "";
  return to;
}

function refused(from: URL, where: string): TsbuildError {
  return new TsbuildError("REGISTRY_ERROR", `${from.host} redirects ${where}; that is not followed`);
}
