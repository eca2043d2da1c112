/** The import table (ARCHITECTURE.md, "Folders"), as a pure check over the text of one file. */

/** Lower folders first; those in one row don't know each other. */
const ROWS: readonly (readonly string[])[] = [
  ["base"],
  ["sys"],
  ["llb"],
  ["image"],
  ["cache"],
  ["frontend", "solver", "executor"],
  ["worker"],
  ["cli"],
];

/** Where lower isn't allowed either: from folder to folder. */
const FORBIDDEN: readonly (readonly [from: string, to: string, why: string])[] = [
  ["executor", "cache", "executor runs processes and knows nothing of what is kept"],
  ["executor", "llb", "executor is given a process, not an op"],
  ["frontend", "cache", "frontend turns text into a graph and touches no store"],
  ["frontend", "sys", "frontend makes no kernel calls"],
  ["cache", "llb", "cache keeps things and knows no graph"],
];

/** Packages that one folder alone may load. */
const PACKAGES: Readonly<Record<string, string>> = {
  koffi: "sys",
  undici: "image/registry",
  chevrotain: "frontend",
  commander: "cli",
  picocolors: "cli",
  piscina: "worker",
};

const STATIC_IMPORT = /^\s*(?:import|export)\s(?:[^"';]*?\sfrom\s*)?["']([^"']+)["']/gm;
const DYNAMIC_IMPORT = /\bimport\(\s*["']([^"']+)["']\s*\)/g;
const COMMENTS = /\/\*[\s\S]*?\*\/|(?<=^|[\s;{}()])\/\/.*$/gm;
/** Asking how large the terminal is prints nothing. */
const PRINTING = /\bprocess\.(?:stdout|stderr)\b(?!\.(?:columns|rows)\b)|\bconsole\.\w+/g;

/** Everything that `text` imports, in order: types, values, `export from` and `import()`. */
export function importsOf(text: string): readonly string[] {
  return [...text.matchAll(STATIC_IMPORT), ...text.matchAll(DYNAMIC_IMPORT)].map((match) => match[1] ?? "");
}

/**
 * What is wrong with a file's imports, one sentence each.
 * @param path of the file from the project's root, `cache/store.ts`
 */
export function importProblems(path: string, text: string): readonly string[] {
  const code = text.replace(COMMENTS, "");
  const specifiers = importsOf(code);
  const problems = specifiers.flatMap((specifier) =>
    specifier.startsWith(".") ? localProblems(path, specifier) : packageProblems(path, specifier),
  );
  return [...problems, ...printingProblems(path, code)];
}

function localProblems(path: string, specifier: string): readonly string[] {
  const target = new URL(specifier, `file:///${path}`).pathname.slice(1);
  const from = folderOf(path);
  const to = folderOf(target);
  if (from === to) return [];
  const fromRow = rowOf(from);
  const toRow = rowOf(to);
  if (fromRow === undefined) return [];
  if (toRow === undefined || toRow >= fromRow) return [`${path} imports ${target}: ${from} may not know ${to}`];
  const why = FORBIDDEN.find(([forbiddenFrom, forbiddenTo]) => forbiddenFrom === from && forbiddenTo === to)?.[2];
  return why === undefined ? [] : [`${path} imports ${target}: ${why}`];
}

function packageProblems(path: string, specifier: string): readonly string[] {
  const owner = PACKAGES[specifier];
  if (owner === undefined || path.startsWith(`${owner}/`) || rowOf(folderOf(path)) === undefined) return [];
  return [`${path} imports ${specifier}: only ${owner}/ may`];
}

function printingProblems(path: string, code: string): readonly string[] {
  if (/(?:\.test|\btesting)\.ts$/.test(path) || folderOf(path) === "cli" || rowOf(folderOf(path)) === undefined) return [];
  return [...code.matchAll(PRINTING)].map(([used]) => `${path} uses ${used}: only cli/ prints`);
}

function folderOf(path: string): string {
  return path.split("/")[0] ?? "";
}

/** Undefined for folders that aren't part of the program: test, bench. */
function rowOf(folder: string): number | undefined {
  const row = ROWS.findIndex((folders) => folders.includes(folder));
  return row === -1 ? undefined : row;
}
