import { TsbuildError } from "../../base/errors.js";

/** What following links needs to know: the type, and for a link its target. Undefined: there is nothing. */
export type LinkLookup = (path: string) => { readonly type: string; readonly target?: string | undefined } | undefined;

/** The kernel's own limit (path_resolution(7)). */
const MOST_LINKS = 40;

/**
 * The path with all links followed as if the tree were the root of the system: absolute targets start at its top, `..`
 * stops there. What doesn't exist is kept as it stands. Neither argument nor result has a leading slash; "" is the top.
 * @throws {TsbuildError} TOO_MANY_LINKS
 */
export function followLinks(lookup: LinkLookup, path: string, { last }: { readonly last: boolean } = { last: true }): string {
  const ahead = splitPath(path).reverse();
  const done: string[] = [];
  let links = 0;
  for (let name = ahead.pop(); name !== undefined; name = ahead.pop()) {
    if (name === "..") {
      done.pop();
      continue;
    }
    done.push(name);
    if (ahead.length === 0 && !last) break;
    const target = linkTarget(lookup, done);
    if (target === undefined) continue;
    if (++links > MOST_LINKS)
      throw new TsbuildError("TOO_MANY_LINKS", `too many symbolic links in "/${path}"`, { hint: "a link leads to itself" });
    done.pop();
    if (target.startsWith("/")) done.length = 0;
    ahead.push(...splitPath(target).reverse());
  }
  return done.join("/");
}

function linkTarget(lookup: LinkLookup, names: readonly string[]): string | undefined {
  const found = lookup(names.join("/"));
  return found?.type === "symlink" ? found.target : undefined;
}

/** The components that mean something: no empty ones, no `.`. */
export function splitPath(path: string): string[] {
  return path.split("/").filter((name) => name !== "" && name !== ".");
}

/** The path without `.`, `..`, doubled and outer slashes; `..` stops at the top. */
export function cleanRelative(path: string): string {
  const names: string[] = [];
  for (const name of splitPath(path)) {
    if (name === "..") names.pop();
    else names.push(name);
  }
  return names.join("/");
}

/** Joins two relative paths, either of which may be empty. */
export function joinPath(folder: string, name: string): string {
  if (folder === "") return name;
  return name === "" ? folder : `${folder}/${name}`;
}

/** The folder a path lies in; "" for a name at the top. */
export function parentOf(path: string): string {
  const slash = path.lastIndexOf("/");
  return slash < 0 ? "" : path.slice(0, slash);
}

export function baseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
