/** Which files a COPY or ADD takes. Nothing is read here but names, types and links. */
import { TsbuildError } from "../../base/errors.js";
import { Glob } from "../../base/glob.js";
import { hasWildcard, PatternMatcher } from "../../base/patterns.js";
import type { CopyAction } from "../../llb/op.js";
import { missingSource } from "./missing.js";
import { baseName, cleanRelative, followLinks, joinPath, splitPath } from "./resolve.js";
import { selectWithParents, splitPivot } from "./select-parents.js";
import type { Exclusion, Selected } from "./selected.js";
import { below } from "./selected.js";
import type { Child, SourceView } from "./view.js";

export type CopySources = Pick<
  CopyAction,
  "sources" | "allowWildcard" | "allowEmptyWildcard" | "contentsOnly" | "keepParents" | "excludes"
>;

/**
 * The files of all sources, in the order of the sources; several matches of a wildcard in byte order. Links on the way to a source
 * and a source that is a link are followed inside the view, links below it are not. Sockets inside folders are left out: no image can hold them.
 * With `keepParents` a `/./` in a source says where the kept folders start.
 * @throws {TsbuildError} COPY_SOURCE_MISSING, COPY_SOURCE_UNSUPPORTED (a socket), TOO_MANY_LINKS
 */
export function selectSources(view: SourceView, action: CopySources): readonly Selected[] {
  const excluded = excludeTest(action.excludes);
  return action.sources.flatMap((source) =>
    action.keepParents ? parentsOf(view, source, { action, excluded }) : matchesOf(view, source, { action, excluded }),
  );
}

interface Filters {
  readonly action: CopySources;
  readonly excluded: Exclusion;
}

function parentsOf(view: SourceView, source: string, { action, excluded }: Filters): readonly Selected[] {
  const { base, pattern } = splitPivot(source);
  const folder = followLinks((path) => view.lstat(path), base);
  const entry = view.lstat(folder);
  if (entry?.type !== "dir") throw missingSource(view, base);
  const isLiteral = !action.allowWildcard || !hasWildcard(pattern);
  const found = selectWithParents(view, { base: folder, pattern, isLiteral, ...excluded });
  if (found.length === 0 && isLiteral && pattern !== "" && !excluded.hides(pattern)) throw missingSource(view, joinPath(folder, pattern));
  return [{ path: folder, relative: "", name: "", entry }, ...found];
}

function matchesOf(view: SourceView, source: string, { action, excluded }: Filters): readonly Selected[] {
  if (!action.allowWildcard || !hasWildcard(source)) return oneSource(view, source, excluded);
  const matches = expandWildcard(view, source);
  if (matches.length === 0 && !action.allowEmptyWildcard) throw missingSource(view, source);
  return matches.filter((path) => !excluded.hides(baseName(path))).flatMap((path) => oneSource(view, path, excluded));
}

function oneSource(view: SourceView, source: string, excluded: Exclusion): readonly Selected[] {
  const path = followLinks((at) => view.lstat(at), source);
  const entry = view.lstat(path);
  if (entry === undefined) throw missingSource(view, source);
  if (entry.type === "socket")
    throw new TsbuildError("COPY_SOURCE_UNSUPPORTED", `"/${path}" is a socket: it can't be copied into an image`);
  const name = baseName(cleanRelative(source));
  if (entry.type !== "dir") return excluded.hides(name) ? [] : [{ path, relative: "", name, entry }];
  const found: Selected[] = [{ path, relative: "", name, entry }];
  addContent(view, { path, relative: "", name, entry }, { excluded, found });
  return found;
}

/** Adds all that is in a folder. A folder that is excluded, but with something in it that an exception brings back, comes with that. */
function addContent(view: SourceView, folder: Selected, into: { readonly excluded: Exclusion; readonly found: Selected[] }): void {
  for (const child of view.list(folder.path)) {
    if (child.entry.type === "socket") continue;
    const selected = below(folder, child);
    const isHidden = into.excluded.hides(selected.relative);
    if (isHidden && (child.entry.type !== "dir" || !into.excluded.hasExceptions)) continue;
    const before = into.found.push(selected);
    if (child.entry.type === "dir") addContent(view, selected, into);
    if (isHidden && into.found.length === before) into.found.pop();
  }
}

/**
 * The paths that a pattern matches, component by component as Go's filepath.Match, in byte order. Links before the first wildcard are
 * followed, those behind it are not (BuildKit's rule).
 */
function expandWildcard(view: SourceView, source: string): readonly string[] {
  const names = splitPath(cleanRelative(source));
  const first = names.findIndex((name) => hasWildcard(name));
  const start = followLinks((path) => view.lstat(path), names.slice(0, first).join("/"));
  if (start !== "" && view.lstat(start)?.type !== "dir") return [];
  let folders: readonly string[] = [start];
  const rest = names.slice(first);
  for (const [index, pattern] of rest.entries()) {
    const isLast = index === rest.length - 1;
    const glob = new Glob(pattern, { globstar: false });
    const fits = (child: Child): boolean => (isLast || child.entry.type === "dir") && glob.matches(child.name);
    folders = folders.flatMap((folder) =>
      view
        .list(folder)
        .filter(fits)
        .map((child) => joinPath(folder, child.name)),
    );
  }
  return folders.filter((path) => view.lstat(path)?.type !== "socket");
}

function excludeTest(patterns: readonly string[]): Exclusion {
  if (patterns.length === 0) return { hides: () => false, hasExceptions: false };
  const matcher = new PatternMatcher(patterns);
  return { hides: (path) => path !== "" && matcher.matches(path), hasExceptions: patterns.some((pattern) => pattern.startsWith("!")) };
}
