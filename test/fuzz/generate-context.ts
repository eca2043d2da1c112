/** Random build contexts: files and folders with modes, links, archives, and names that .dockerignore leaves out. */
import type { ContextEntry, TarMember } from "./program.js";
import type { Random } from "./random.js";

export interface RandomContext {
  readonly entries: readonly ContextEntry[];
  readonly ignore: readonly string[];
  /** Paths that .dockerignore can't touch, so an instruction may name them. */
  readonly files: readonly string[];
  readonly folders: readonly string[];
  readonly archives: readonly string[];
  /** Patterns, each of which matches a file that is kept. */
  readonly wildcards: readonly string[];
}

const FOLDERS = ["src", "src/lib", "src/lib/deep", "conf", "conf.d", "src/empty", "with space"] as const;
const FILES = ["a.txt", "b.txt", "run.sh", "A.md", ".hidden", "x-1.txt", "ünï.txt", "two words.txt", "data.bin"] as const;
const FILE_MODES = [0o644, 0o644, 0o600, 0o755, 0o700, 0o640, 0o444, 0o666, 0o777] as const;
const FOLDER_MODES = [0o755, 0o755, 0o700, 0o750, 0o777, 0o555] as const;
const LINK_TARGETS = ["a.txt", "./b.txt", "../a.txt", "/etc/passwd", "missing", "lib", "deep/../a.txt"] as const;
/** Patterns and a name that each is about. Instructions never name such files. */
const IGNORED = [
  { pattern: "*.log", name: "x.log" },
  { pattern: "**/*.o", name: "src/lib/y.o" },
  { pattern: "src/gen", name: "src/gen/z.txt" },
  { pattern: "**/tmp/", name: "src/tmp/t.txt" },
  { pattern: "src/*/cache", name: "src/lib/cache/c.txt" },
  { pattern: "/top.bak", name: "top.bak" },
  { pattern: "# comment", name: "src/q.swp" },
] as const;

export function randomContext(random: Random): RandomContext {
  const folders = random.some(FOLDERS, random.between(1, FOLDERS.length));
  const files = randomFiles(random, folders);
  const links = random.chance(0.5) ? randomLinks(random, folders) : [];
  const archives = random.chance(0.4) ? [randomArchive(random)] : [];
  const ignored = random.chance(0.3) ? random.some(IGNORED, random.between(1, 4)) : [];
  const entries: ContextEntry[] = [
    ...folders.map((path): ContextEntry => ({ kind: "folder", path, mode: random.pick(FOLDER_MODES) })),
    ...files,
    ...links,
    ...archives,
    ...ignored.map(({ name }): ContextEntry => ({ kind: "file", path: name, mode: 0o644, content: name })),
  ];
  const names = files.map(({ path }) => path);
  return {
    entries,
    ignore: randomIgnore(random, ignored),
    files: names,
    folders,
    archives: archives.map(({ path }) => path),
    wildcards: WILDCARDS.filter(({ matches }) => names.some((name) => matches.test(name))).map(({ pattern }) => pattern),
  };
}

const WILDCARDS = [
  { pattern: "*.txt", matches: /^[^/]*\.txt$/ },
  { pattern: "?.txt", matches: /^[^/]\.txt$/ },
  { pattern: "[a-b].txt", matches: /^[ab]\.txt$/ },
  { pattern: "src/*.txt", matches: /^src\/[^/]*\.txt$/ },
  { pattern: "src/*/a.txt", matches: /^src\/[^/]*\/a\.txt$/ },
  { pattern: "*/run.sh", matches: /^[^/]*\/run\.sh$/ },
  { pattern: "s*/[^b]*", matches: /^s[^/]*\/[^b/][^/]*$/ },
] as const;

type FileEntry = Extract<ContextEntry, { kind: "file" }>;

function randomFiles(random: Random, folders: readonly string[]): readonly FileEntry[] {
  const places = ["", ...folders.filter((path) => path !== "src/empty").map((path) => `${path}/`)];
  const paths = new Set(random.times(2, 9, () => `${random.pick(places)}${random.pick(FILES)}`));
  return [...paths.add("a.txt")].map((path) => ({
    kind: "file",
    path,
    mode: random.pick(FILE_MODES),
    content: random.chance(0.1) ? "" : `${path} ${random.between(0, 9)}\n`,
  }));
}

function randomLinks(random: Random, folders: readonly string[]): readonly ContextEntry[] {
  const places = folders.filter((path) => path !== "src/empty");
  if (places.length === 0) return [];
  const paths = new Set(random.times(1, 3, () => `${random.pick(places)}/link${random.between(1, 2)}`));
  return [...paths].map((path) => ({ kind: "link", path, target: random.pick(LINK_TARGETS) }));
}

function randomArchive(random: Random): ContextEntry {
  const gzip = random.chance(0.5);
  return { kind: "tar", path: gzip ? "pack.tgz" : "pack.tar", gzip, members: randomMembers(random) };
}

/** `struct vfs_cap_data` of linux/capability.h: revision 2, effective, CAP_NET_RAW permitted. */
const NET_RAW = "\x01\0\0\x02\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

function randomMembers(random: Random): readonly TarMember[] {
  const owner = (): { uid: number; gid: number } => ({ uid: random.pick([0, 0, 1000, 77]), gid: random.pick([0, 1000, 78]) });
  // A hard link tells the same about the file as the file itself, as in archives of real programs.
  const file = { mode: random.pick(FILE_MODES), ...owner() };
  const first: TarMember[] = [
    { header: { name: "d/", type: "directory", mode: random.pick(FOLDER_MODES), ...owner() }, content: "" },
    { header: { name: "d/f", ...file }, content: "packed\n" },
  ];
  const others: TarMember[] = [
    { header: { name: "d/sub/g", mode: random.pick(FILE_MODES), ...owner() }, content: "parent is not there\n" },
    { header: { name: "d/s", type: "symlink", linkname: random.pick(LINK_TARGETS), ...owner() }, content: "" },
    { header: { name: "h", type: "link", linkname: "d/f", ...file }, content: "" },
    { header: { name: "p", type: "fifo", mode: 0o600, ...owner() }, content: "" },
    { header: { name: "able", mode: 0o755, pax: { "SCHILY.xattr.security.capability": NET_RAW }, ...owner() }, content: "able\n" },
    { header: { name: "a/b/c.txt", mode: 0o604, ...owner() }, content: "c\n" },
  ];
  return [...first, ...random.some(others, random.between(0, others.length))];
}

function randomIgnore(random: Random, ignored: readonly (typeof IGNORED)[number][]): readonly string[] {
  if (ignored.length === 0) return [];
  const lines: string[] = ignored.map(({ pattern }) => pattern);
  const [first] = ignored;
  if (first !== undefined && random.chance(0.3)) lines.push(`!${first.name}`);
  return lines;
}
