/** Submodules as `.gitmodules` names them: where they come from is a stranger's word. */
import { TsbuildError } from "../../base/errors.js";
import { type GitRemote, parseRemote, shownRemote } from "./remote.js";

export interface SubmoduleEntry {
  readonly url: string;
  /** `update = none`: it stays an empty folder. */
  readonly isLeftOut: boolean;
}

/** By path. `text` is what `git config -z --list` prints of the file: `key\nvalue\0`. */
export function parseModules(text: string): ReadonlyMap<string, SubmoduleEntry> {
  const sections = new Map<string, Map<string, string>>();
  for (const item of text.split("\0")) {
    const split = item.indexOf("\n");
    const [, name, key] = /^submodule\.(.*)\.([a-z-]+)$/is.exec(split < 0 ? item : item.slice(0, split)) ?? [];
    if (name === undefined || key === undefined || split < 0) continue;
    const section = sections.get(name) ?? new Map<string, string>();
    section.set(key.toLowerCase(), item.slice(split + 1));
    sections.set(name, section);
  }
  const modules = new Map<string, SubmoduleEntry>();
  for (const section of sections.values()) {
    const path = section.get("path");
    const url = section.get("url");
    if (path !== undefined && url !== undefined)
      modules.set(path.replace(/\/+$/, ""), { url, isLeftOut: section.get("update") === "none" });
  }
  return modules;
}

/**
 * The submodule's repository: https and ssh, and besides only the protocol of the repository that names it, never a folder of this machine.
 * @throws {TsbuildError} GIT_SUBMODULE, GIT_ADDRESS
 */
export function submoduleRemote(url: string, parent: GitRemote, path: string): GitRemote {
  const remote = parseRemote(isRelative(url) ? relativeTo(parent.url, url, path) : url);
  const isAllowed =
    remote.transport === "https" || remote.transport === "ssh" || (remote.transport === parent.transport && remote.transport !== "file");
  if (!isAllowed) {
    throw new TsbuildError(
      "GIT_SUBMODULE",
      `the submodule ${path} of ${shownRemote(parent.url)} comes from ${shownRemote(url)}: submodules are fetched by https and ssh only`,
      {
        hint: "fetch it by an ADD of its own",
      },
    );
  }
  return isRelative(url) && parent.credentials !== undefined && remote.host === parent.host
    ? { ...remote, credentials: parent.credentials }
    : remote;
}

function isRelative(url: string): boolean {
  return url.startsWith("./") || url.startsWith("../");
}

/** gitsubmodules(7): relative to the address of the repository, not to its folder. */
function relativeTo(parent: string, url: string, path: string): string {
  let base = parent.replace(/\/+$/, "");
  let rest = url;
  for (;;) {
    if (rest.startsWith("./")) {
      rest = rest.slice(2);
    } else if (rest.startsWith("../")) {
      rest = rest.slice(3);
      const cut = withoutLast(base);
      if (cut === undefined)
        throw new TsbuildError(
          "GIT_SUBMODULE",
          `the submodule ${path} of ${shownRemote(parent)} has an address that leads out of its server: ${shownRemote(url)}`,
        );
      base = cut;
    } else {
      return `${base}${base.endsWith(":") ? "" : "/"}${rest}`;
    }
  }
}

/** Undefined: there is nothing to take away but the host. */
function withoutLast(base: string): string | undefined {
  const [host] = /^[a-z]+:\/\/[^/]*/i.exec(base) ?? [];
  if (host !== undefined) return base.length > host.length + 1 ? base.slice(0, base.lastIndexOf("/")) : undefined;
  const start = base.indexOf(":") + 1;
  if (start >= base.length) return undefined;
  return base.slice(0, Math.max(base.lastIndexOf("/"), start));
}
