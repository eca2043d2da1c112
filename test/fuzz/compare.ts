/** What two builders made of one program, and where they differ. */
import { type TarEntry, type ValidImage, filesOf, sha256 } from "../rig/image.js";

/** One line about each file, by path without leading slash. */
export type Tree = ReadonlyMap<string, string>;

export type Outcome =
  | { readonly kind: "refused"; readonly message: string }
  | { readonly kind: "built"; readonly tree: Tree; readonly config: Readonly<Record<string, unknown>> };

export interface Difference {
  /** What differs, without names and values: `tree`, `config Env`, `outcome`. The shrinker keeps it. */
  readonly kind: string;
  readonly text: string;
}

/** The fields of the config that both have to agree about. */
export const CONFIG_FIELDS = ["Env", "Cmd", "Entrypoint", "WorkingDir", "User", "Labels", "ExposedPorts", "Volumes", "StopSignal"] as const;

export function treeOf(image: ValidImage): Tree {
  const files = filesOf(image);
  const links = linkGroups(files);
  return new Map([...files].map(([path, entry]) => [path, lineOf(files, links, path, entry)]));
}

/** For each path with hard links: the first of the paths that share the file. */
function linkGroups(files: ReadonlyMap<string, TarEntry>): ReadonlyMap<string, string> {
  const members = new Map<string, string[]>();
  for (const [path, { header }] of files) {
    if (header.type !== "link") continue;
    const target = cleanPath(header.linkname ?? "");
    members.set(target, [...(members.get(target) ?? [target]), path]);
  }
  return new Map([...members.values()].flatMap((paths) => paths.map((path) => [path, paths.toSorted()[0] ?? path] as const)));
}

function lineOf(files: ReadonlyMap<string, TarEntry>, links: ReadonlyMap<string, string>, path: string, entry: TarEntry): string {
  const target = entry.header.type === "link" ? files.get(cleanPath(entry.header.linkname ?? "")) : entry;
  if (target === undefined) return `hard link to ${entry.header.linkname}, which is missing`;
  const { type, mode, uid, gid, linkname, pax, devmajor, devminor } = target.header;
  const facts = [type, type === "symlink" ? "" : ((mode ?? 0) & 0o7777).toString(8), `${uid}:${gid}`];
  if (type === "symlink") facts.push(`-> ${linkname}`);
  if (type === "file") facts.push(contentOf(target));
  if (type === "character-device" || type === "block-device") facts.push(`${devmajor}:${devminor}`);
  facts.push(...Object.entries(pax ?? {}).flatMap(([key, value]) => (key.startsWith("SCHILY.xattr.") ? [`${key}=${String(value)}`] : [])));
  const group = links.get(path);
  if (group !== undefined) facts.push(`shared with ${group}`);
  return facts.filter((fact) => fact !== "").join(" ");
}

/** Small texts as such: a person wants to see them. */
function contentOf({ content }: TarEntry): string {
  return content.length > 300 ? sha256(content) : JSON.stringify(content.toString("utf8"));
}

function cleanPath(path: string): string {
  return path.replace(/^(\.?\/)+/, "").replace(/\/+$/, "");
}

export function configOf(image: ValidImage): Readonly<Record<string, unknown>> {
  return Object.fromEntries(CONFIG_FIELDS.map((field) => [field, normalised(image.config.config[field])]));
}

/** Absent, null and empty say the same in an image config. */
function normalised(value: unknown): unknown {
  if (value === undefined || value === null || value === "") return "none";
  if (Array.isArray(value)) return value.length === 0 ? "none" : value;
  if (typeof value !== "object") return value;
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return entries.length === 0 ? "none" : Object.fromEntries(entries);
}

/** `ours` first. Empty when both say the same, also when both refuse: the words of errors are free. */
export function compareOutcomes(ours: Outcome, theirs: Outcome): readonly Difference[] {
  if (ours.kind === "refused" || theirs.kind === "refused") return compareRefusals(ours, theirs);
  return [...compareTrees(ours.tree, theirs.tree), ...compareConfigs(ours.config, theirs.config)];
}

function compareRefusals(ours: Outcome, theirs: Outcome): readonly Difference[] {
  if (ours.kind === "refused" && theirs.kind === "built") return [{ kind: "outcome", text: `tsbuild refuses: ${ours.message}` }];
  if (ours.kind === "built" && theirs.kind === "refused") return [{ kind: "outcome", text: `buildah refuses: ${theirs.message}` }];
  return [];
}

function compareTrees(ours: Tree, theirs: Tree): readonly Difference[] {
  const paths = [...new Set([...ours.keys(), ...theirs.keys()])].toSorted();
  return paths.flatMap((path) => {
    const [mine, other] = [ours.get(path) ?? "missing", theirs.get(path) ?? "missing"];
    return mine === other ? [] : [{ kind: "tree", text: `/${path}\n    tsbuild ${mine}\n    buildah ${other}` }];
  });
}

function compareConfigs(ours: Readonly<Record<string, unknown>>, theirs: Readonly<Record<string, unknown>>): readonly Difference[] {
  return CONFIG_FIELDS.flatMap((field) => {
    const [mine, other] = [JSON.stringify(ours[field]), JSON.stringify(theirs[field])];
    return mine === other ? [] : [{ kind: `config ${field}`, text: `${field}\n    tsbuild ${mine}\n    buildah ${other}` }];
  });
}
