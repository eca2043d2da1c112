/** `WWW-Authenticate` headers, and whom a registry may send us to for a token. Pure. */
import { TsbuildError } from "../../base/errors.js";
import { isLinkLocal, isLoopbackHost, isReservedAddress } from "./hosts.js";

export interface Challenge {
  /** Lower case: `bearer`, `basic`. */
  readonly scheme: string;
  /** Names in lower case. */
  readonly params: ReadonlyMap<string, string>;
}

const MAX_HEADER = 8192;
const MAX_CHALLENGES = 8;
const TOKEN = /[!#$%&'*+.^_`|~0-9A-Za-z-]+/y;
const PARAM = /[ \t,]*([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^",\s]*))/y;
const SEPARATOR = /[ \t,]*/y;

/** RFC 9110, 11.6.1. Whatever is past the limits, or is not in the grammar, is left out. */
export function parseChallenges(header: string | undefined): readonly Challenge[] {
  const text = (header ?? "").slice(0, MAX_HEADER);
  const challenges: Challenge[] = [];
  let at = 0;
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (match !== null) at = pattern.lastIndex;
    return match;
  };
  while (challenges.length < MAX_CHALLENGES) {
    take(SEPARATOR);
    const scheme = take(TOKEN)?.[0];
    if (scheme === undefined) break;
    const params = new Map<string, string>();
    for (let param = take(PARAM); param !== null; param = take(PARAM)) {
      const name = param[1]?.toLowerCase() ?? "";
      if (!params.has(name)) params.set(name, param[2]?.replace(/\\(.)/g, "$1") ?? param[3] ?? "");
    }
    challenges.push({ scheme: scheme.toLowerCase(), params });
  }
  return challenges;
}

/**
 * The token server of a Bearer challenge from `registry`. It has to be reached over https, or be as insecure as the registry
 * itself is; an address of this machine or a private network is good only when the registry is at that very host.
 * @throws {TsbuildError} REGISTRY_ERROR
 */
export function checkedRealm(registry: URL, realm: string | undefined, insecure: readonly string[]): URL {
  if (realm === undefined || !URL.canParse(realm)) throw badRealm(registry, realm, "it is not a URL");
  const url = new URL(realm);
  const isSameHost = url.hostname === registry.hostname || (isLoopbackHost(url.hostname) && isLoopbackHost(registry.hostname));
  const isTrusted = isSameHost || insecure.includes(url.host);
  if (url.protocol !== "https:" && url.protocol !== "http:") throw badRealm(registry, realm, "only https is allowed");
  if (url.username !== "" || url.password !== "") throw badRealm(registry, realm, "it has a user name in it");
  if (url.protocol === "http:" && (registry.protocol === "https:" || !isTrusted)) throw badRealm(registry, realm, "only https is allowed");
  if (isLinkLocal(url.hostname) || (!isTrusted && (isReservedAddress(url.hostname) || isLoopbackHost(url.hostname)))) {
    throw badRealm(registry, realm, "it is at a reserved address");
  }
  return url;
}

function badRealm(registry: URL, realm: string | undefined, problem: string): TsbuildError {
  const shown = JSON.stringify((realm ?? "").slice(0, 200));
  return new TsbuildError("REGISTRY_ERROR", `${registry.host} wants a token from ${shown}; that is refused: ${problem}`);
}
