/** The error for a source that isn't there, with what may have been meant. */
import { editDistance } from "../../base/edit-distance.js";
import { TsbuildError } from "../../base/errors.js";
import { cleanRelative, joinPath, splitPath } from "./resolve.js";
import type { SourceView } from "./view.js";

const MOST_NAMES = 3;

/** COPY_SOURCE_MISSING: names the source, and the ignore pattern that hides it or the names that come closest. */
export function missingSource(view: SourceView, source: string): TsbuildError {
  const path = cleanRelative(source);
  return new TsbuildError("COPY_SOURCE_MISSING", `"/${path}": not found in ${view.label}`, {
    hint: hiddenHint(view, path) ?? nearHint(view, path),
  });
}

function hiddenHint(view: SourceView, path: string): string | undefined {
  const pattern = view.hiddenBy(path);
  return pattern === undefined ? undefined : `it is there, but the ignore file excludes it with the pattern "${pattern}"`;
}

function nearHint(view: SourceView, path: string): string | undefined {
  const names = splitPath(path);
  let folder = "";
  for (const [index, name] of names.entries()) {
    const entry = view.lstat(joinPath(folder, name));
    if (entry === undefined) return hintFor(view, folder, { name, isLast: index === names.length - 1 });
    if (entry.type !== "dir")
      return entry.type === "symlink"
        ? `"/${joinPath(folder, name)}" is a link to "${entry.target ?? ""}", which leads nowhere in ${view.label}`
        : `"/${joinPath(folder, name)}" is not a folder`;
    folder = joinPath(folder, name);
  }
  return undefined;
}

function hintFor(
  view: SourceView,
  folder: string,
  { name, isLast }: { readonly name: string; readonly isLast: boolean },
): string | undefined {
  const near = view
    .list(folder)
    .map((child) => ({ name: child.name, distance: editDistance(name.toLowerCase(), child.name.toLowerCase()) }))
    .filter(({ distance }) => distance <= Math.max(2, Math.floor(name.length / 3)))
    .sort((a, b) => a.distance - b.distance)
    .slice(0, MOST_NAMES);
  if (near.length > 0) return `did you mean ${near.map((one) => `"/${joinPath(folder, one.name)}"`).join(" or ")}`;
  return isLast ? undefined : `there is no folder "/${joinPath(folder, name)}"`;
}
