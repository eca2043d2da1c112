/** Where a git repository lies: checked, without credentials, and by which one protocol it is spoken to. */
import { TsbuildError } from "../../base/errors.js";

export type GitTransport = "https" | "http" | "git" | "ssh" | "file";

export interface GitRemote {
  readonly transport: GitTransport;
  /** For git: never with a password, never beginning with a dash. */
  readonly url: string;
  /** Host with its port, as in the address; empty for a folder. */
  readonly host: string;
  /** `user:password` of an https address, decoded. */
  readonly credentials?: string | undefined;
}

const HOST = /^(?:[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?\.?|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?$/;
const USER = /^[A-Za-z0-9_][A-Za-z0-9_.+-]*$/;
/** `user@host:path`; the path is relative to the user's home unless it begins with a slash. */
const SCP = /^([^@/:]+)@([^@/:]+|\[[^\]]+\]):(?!\/\/)(.+)$/s;
const SCHEME = /^([a-z][a-z0-9+.-]*):\/\//i;

/**
 * Reads `https://…`, `http://…`, `git://…`, `ssh://…`, `git@host:path` and `file:///…`. Everything else that git understands (helpers like
 * `ext::`, bundles, bare paths) is refused.
 * @throws {TsbuildError} GIT_ADDRESS
 */
export function parseRemote(text: string): GitRemote {
  if (/[\u0000-\u0020\u007f\\]/.test(text)) throw invalid(text, "has characters in it that no address has");
  const scheme = SCHEME.exec(text)?.[1]?.toLowerCase();
  switch (scheme) {
    case "https":
    case "http":
      return webRemote(scheme, text);
    case "git":
    case "ssh":
      return plainRemote(scheme, text);
    case "file":
      return fileRemote(text);
    case undefined:
      return scpRemote(text);
    default:
      throw invalid(text, `has the protocol ${scheme}, which is not spoken`);
  }
}

function webRemote(transport: "https" | "http", text: string): GitRemote {
  if (!URL.canParse(text)) throw invalid(text, "can't be read");
  const url = new URL(text);
  const credentials =
    url.username === "" && url.password === "" ? undefined : `${decoded(url.username, text)}:${decoded(url.password, text)}`;
  url.username = "";
  url.password = "";
  if (!HOST.test(url.host)) throw invalid(text, "names no host");
  return { transport, url: url.href, host: url.host, credentials };
}

function plainRemote(transport: "git" | "ssh", text: string): GitRemote {
  const [, authority = "", path = ""] = /^[a-z]+:\/\/([^/?#]*)(\/.+)$/is.exec(text) ?? [];
  const at = authority.lastIndexOf("@");
  const user = at < 0 ? undefined : authority.slice(0, at);
  const host = authority.slice(at + 1);
  if (user?.includes(":") === true) throw invalid(text, "has a password in it", "keys are what ssh takes: --ssh default");
  if (!HOST.test(host) || (user !== undefined && (transport === "git" || !USER.test(user)))) throw invalid(text, "names no host");
  requirePath(text, path.slice(1));
  return { transport, url: `${transport}://${user === undefined ? "" : `${user}@`}${host}${path}`, host };
}

function fileRemote(text: string): GitRemote {
  const path = text.slice("file://".length);
  if (!path.startsWith("/")) throw invalid(text, "names no absolute path", "write file:///path/to/repository");
  return { transport: "file", url: `file://${path}`, host: "" };
}

function scpRemote(text: string): GitRemote {
  const [, user = "", host = "", path = ""] = SCP.exec(text) ?? [];
  if (!USER.test(user) || !HOST.test(host)) throw invalid(text, "is none of a git repository");
  requirePath(text, path);
  return { transport: "ssh", url: `${user}@${host}:${path}`, host };
}

function requirePath(text: string, path: string): void {
  if (path === "" || path.startsWith("-")) throw invalid(text, "names no repository");
}

function decoded(text: string, address: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalid(address, "has a user or password that can't be read");
  }
}

/** For people and logs: without user and password of https, without query, shortened. */
export function shownRemote(text: string): string {
  const plain = text.replace(/^(https?:\/\/)[^/@]*@/i, "$1").replace(/[?#].*$/s, "");
  return plain.replace(/[\u0000-\u001f\u007f-\u009f]/g, "?").slice(0, 200);
}

function invalid(
  text: string,
  problem: string,
  hint = "write https://host/repo.git, ssh://host/repo.git or git@host:repo.git",
): TsbuildError {
  return new TsbuildError("GIT_ADDRESS", `the git address ${shownRemote(text)} ${problem}`, { hint });
}
