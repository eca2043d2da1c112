/** Paths with slashes, as Go's `path` and Docker's path rules treat them: text only, no file is looked at. */

/**
 * The shortest path that names the same place: no `.`, no doubled or trailing slashes, `..` resolved against what
 * stands before it. `..` at a root is dropped; `""` becomes `.` (Go's `filepath.Clean`).
 */
export function cleanPath(path: string): string {
  const isAbsolute = path.startsWith("/");
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== "..") parts.push(part);
    else if (parts.length > 0 && parts.at(-1) !== "..") parts.pop();
    else if (!isAbsolute) parts.push("..");
  }
  const joined = parts.join("/");
  if (isAbsolute) return `/${joined}`;
  return joined === "" ? "." : joined;
}

/** The path of the folder that holds `path`, cleaned; `.` or `/` at the top. */
export function parentPath(path: string): string {
  const slash = path.lastIndexOf("/");
  return slash === -1 ? "." : cleanPath(path.slice(0, slash + 1));
}
