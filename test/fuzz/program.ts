/** A Dockerfile and its context as plain data: made by the generator, made smaller by the shrinker, written for the builders. */
import { Buffer } from "node:buffer";
import { chmodSync, lutimesSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { type Header, pack } from "tar-stream";

export type ContextEntry =
  | { readonly kind: "file"; readonly path: string; readonly mode: number; readonly content: string }
  | { readonly kind: "folder"; readonly path: string; readonly mode: number }
  | { readonly kind: "link"; readonly path: string; readonly target: string }
  | { readonly kind: "tar"; readonly path: string; readonly gzip: boolean; readonly members: readonly TarMember[] };

export interface TarMember {
  readonly header: Partial<Header> & { readonly name: string };
  readonly content: string;
}

export interface Program {
  /** Folders above an entry need no entry of their own. */
  readonly entries: readonly ContextEntry[];
  /** Lines of .dockerignore; none: no such file. */
  readonly ignore: readonly string[];
  readonly buildArgs: readonly string[];
  readonly lines: readonly string[];
}

/** All files of a context have this time, so that a builder that is wrong about times says it in each run. */
const CONTEXT_TIME = new Date("2021-02-03T04:05:06Z");

/** Writes the context with its Dockerfile into an empty folder. */
export async function writeProgram(program: Program, folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  for (const entry of program.entries) await writeEntry(folder, entry);
  // Last: a folder's mode may forbid to write to it, and its time changes with each file.
  for (const entry of program.entries.toReversed()) {
    if (entry.kind === "folder") chmodSync(join(folder, entry.path), entry.mode);
    lutimesSync(join(folder, entry.path), CONTEXT_TIME, CONTEXT_TIME);
  }
  writeFileSync(join(folder, "Dockerfile"), dockerfileOf(program));
  if (program.ignore.length > 0) writeFileSync(join(folder, ".dockerignore"), `${program.ignore.join("\n")}\n`);
}

async function writeEntry(folder: string, entry: ContextEntry): Promise<void> {
  const path = join(folder, entry.path);
  mkdirSync(dirname(path), { recursive: true });
  switch (entry.kind) {
    case "folder":
      mkdirSync(path, { recursive: true });
      return;
    case "link":
      symlinkSync(entry.target, path);
      return;
    case "tar":
      writeFileSync(path, await tarOf(entry.members, entry.gzip));
      return;
    case "file":
      writeFileSync(path, entry.content);
      chmodSync(path, entry.mode);
      return;
    default:
      throw new Error(`Internal error: ${JSON.stringify(entry satisfies never)}`);
  }
}

async function tarOf(members: readonly TarMember[], gzip: boolean): Promise<Buffer> {
  const tar = pack();
  for (const { header, content } of members) tar.entry({ mtime: CONTEXT_TIME, ...header }, content);
  tar.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of tar) chunks.push(chunk as Buffer);
  const bytes = Buffer.concat(chunks);
  return gzip ? gzipSync(bytes) : bytes;
}

export function dockerfileOf(program: Program): string {
  return `${program.lines.join("\n")}\n`;
}

/** All a person needs to repeat the program by hand. */
export function describeProgram(program: Program): string {
  const parts = [dockerfileOf(program)];
  if (program.buildArgs.length > 0) parts.push(`build arguments: ${program.buildArgs.join(" ")}\n`);
  if (program.ignore.length > 0) parts.push(`.dockerignore:\n${program.ignore.map((line) => `  ${line}\n`).join("")}`);
  if (program.entries.length > 0) parts.push(`context:\n${program.entries.map((entry) => `  ${describeEntry(entry)}\n`).join("")}`);
  return parts.join("");
}

function describeEntry(entry: ContextEntry): string {
  switch (entry.kind) {
    case "folder":
      return `${entry.path}/ ${entry.mode.toString(8)}`;
    case "link":
      return `${entry.path} -> ${entry.target}`;
    case "tar":
      return `${entry.path} ${entry.gzip ? "gzip" : "tar"} of ${JSON.stringify(entry.members)}`;
    case "file":
      return `${entry.path} ${entry.mode.toString(8)} ${JSON.stringify(entry.content)}`;
    default:
      throw new Error(`Internal error: ${JSON.stringify(entry satisfies never)}`);
  }
}
