/** The paths of COPY and ADD: always absolute, never above their root. */
import { posix } from "node:path";

/** A source inside its tree. With `keepParents`, `/./` stays where the kept folders begin. */
export function sourcePath(text: string, keepParents: boolean): string {
  const pivot = keepParents ? text.indexOf("/./") : -1;
  if (pivot < 0) return cleaned(text);
  const before = cleaned(text.slice(0, pivot));
  const after = cleaned(text.slice(pivot + "/./".length));
  return before === "/" ? after : `${before}/.${after}`;
}

/**
 * A destination below the working directory. Where it has to be a directory - it says so, or several files go
 * there - it ends in a slash.
 */
export function destinationPath(text: string, workingDir: string, hasSeveralSources: boolean): string {
  const path = posix.resolve("/", workingDir, text);
  const isDirectory = hasSeveralSources || text === "" || text === "." || text.endsWith("/") || text.endsWith("/.");
  return isDirectory && path !== "/" ? `${path}/` : path;
}

function cleaned(text: string): string {
  return posix.resolve("/", text.replace(/^\/+/, ""));
}
