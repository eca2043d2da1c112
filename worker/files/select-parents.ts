/** COPY --parents: sources that are found as patterns below a folder and keep their path from there. */
import { hasWildcard, matchPath, PatternMatcher } from "../../base/patterns.js";
import { cleanRelative, splitPath } from "./resolve.js";
import type { Exclusion, Selected } from "./selected.js";
import { below } from "./selected.js";
import type { SourceView } from "./view.js";

/** Splits at the first `/./`: the folder whose content is kept, and the pattern below it. Both cleaned, without leading slash. */
export function splitPivot(source: string): { readonly base: string; readonly pattern: string } {
  const text = source.replace(/^\/?(?:\.\/)*/, "");
  const pivot = text.indexOf("/./");
  if (pivot < 0) return { base: "", pattern: cleanRelative(text) };
  return { base: cleanRelative(text.slice(0, pivot)), pattern: cleanRelative(text.slice(pivot + 3)) };
}

export interface ParentsQuery extends Exclusion {
  readonly base: string;
  readonly pattern: string;
  /** True when the pattern is a plain path. */
  readonly isLiteral: boolean;
}

/**
 * What the pattern matches below the base and all that is in it, each match after the folders above it. `**` stands for any number of folders;
 * links are not followed.
 */
export function selectWithParents(view: SourceView, query: ParentsQuery): readonly Selected[] {
  const walk: Walk = { view, query, includes: includeTest(query), found: [], pending: [] };
  visit(walk, { path: query.base, relative: "", name: "" });
  return walk.found;
}

interface Walk {
  readonly view: SourceView;
  readonly query: ParentsQuery;
  readonly includes: Include;
  readonly found: Selected[];
  /** Folders above the place where the walk is that have brought nothing yet. */
  readonly pending: Selected[];
}

type Folder = Omit<Selected, "entry">;

function visit(walk: Walk, folder: Folder, isTaken = walk.query.pattern === ""): void {
  for (const child of walk.view.list(folder.path)) {
    if (child.entry.type === "socket") continue;
    const selected = below({ ...folder, entry: child.entry }, child);
    const isFolder = child.entry.type === "dir";
    const takes = isTaken || walk.includes.matches(selected.relative);
    const isHidden = walk.query.hides(selected.relative);
    if (isHidden && !(isFolder && walk.query.hasExceptions)) continue;
    if (takes && !isHidden) walk.found.push(...walk.pending.splice(0), selected);
    if (!isFolder || (!takes && !walk.includes.mayMatchBelow(selected.relative))) continue;
    if (takes && !isHidden) visit(walk, selected, true);
    else visitPending(walk, selected, takes);
  }
}

/** A folder that is there only for what may be found in it. */
function visitPending(walk: Walk, folder: Selected, isTaken: boolean): void {
  walk.pending.push({ ...folder, implied: true });
  visit(walk, folder, isTaken);
  if (walk.pending.at(-1)?.path === folder.path) walk.pending.pop();
}

interface Include {
  matches(relative: string): boolean;
  mayMatchBelow(relative: string): boolean;
}

function includeTest({ pattern, isLiteral }: ParentsQuery): Include {
  const names = splitPath(pattern);
  const stars = isLiteral ? -1 : names.findIndex((name) => name.includes("**"));
  const matchesName = (wanted: string, name: string): boolean =>
    isLiteral || !hasWildcard(wanted) ? wanted === name : matchPath(wanted, name);
  const fits = (path: readonly string[]): boolean =>
    path.every((name, index) => (stars >= 0 && index >= stars) || (index < names.length && matchesName(names[index] ?? "", name)));
  if (stars < 0) {
    return {
      matches: (relative) => splitPath(relative).length === names.length && fits(splitPath(relative)),
      mayMatchBelow: (relative) => splitPath(relative).length < names.length && fits(splitPath(relative)),
    };
  }
  const matcher = new PatternMatcher([pattern]);
  return { matches: (relative) => matcher.matches(relative), mayMatchBelow: (relative) => fits(splitPath(relative)) };
}
