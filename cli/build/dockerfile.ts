import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { isErrno, TsbuildError } from "../../base/errors.js";
import { readRegularText } from "../../base/read-regular.js";
import type { SourceFile } from "../../base/source.js";

/** In this order. */
const DEFAULT_NAMES = ["Dockerfile", "dockerfile", "Containerfile"] as const;
const REMOTE = /^(?:https?|git|ssh):\/\/|^git@|\.git(?:#|$)|^github\.com\//i;

export interface FoundDockerfile {
  readonly source: SourceFile;
  /** `<Dockerfile>.dockerignore` beside it, which then takes the place of the context's own. */
  readonly ignoreFile?: string | undefined;
}

/** Whether a context or -f says that it lies elsewhere than on this machine's disk. */
export function isRemote(text: string): boolean {
  return REMOTE.test(text);
}

/**
 * The folder to build, absolute.
 * @throws {TsbuildError} CONTEXT_MISSING
 */
export function contextFolder(text: string, cwd: string): string {
  const folder = resolve(cwd, text);
  const stats = statSync(folder, { throwIfNoEntry: false });
  if (stats?.isDirectory() === true) return folder;
  const problem = stats === undefined ? "does not exist" : "is not a folder";
  throw new TsbuildError("CONTEXT_MISSING", `the build context ${text} ${problem}`);
}

/**
 * Reads the Dockerfile: `given` (from -f, relative to `cwd`; `-` is standard input) or the first default name in the context.
 * @throws {TsbuildError} DOCKERFILE_MISSING, DOCKERFILE_UNREADABLE, DOCKERFILE_UNSUPPORTED
 */
export function readDockerfile(
  given: string | undefined,
  { cwd, context }: { readonly cwd: string; readonly context: string },
): FoundDockerfile {
  if (given === "-") return { source: dockerfileOnStdin() };
  if (given !== undefined && isRemote(given) && !existsSync(resolve(cwd, given))) {
    throw new TsbuildError("DOCKERFILE_UNSUPPORTED", `a Dockerfile can't be read from a git repository: ${given}`, {
      hint: "clone it and give the path to -f",
    });
  }
  const name = given ?? defaultName(context);
  const path = given === undefined ? join(context, name) : resolve(cwd, given);
  // One named by hand may be a pipe, `-f <(generate)`; one found in the context may have been put there by anybody.
  const text = readText(path, `the Dockerfile ${given ?? path}`, given === undefined ? readFound : readGiven);
  const ignoreFile = `${path}.dockerignore`;
  return { source: { name, text }, ignoreFile: existsSync(ignoreFile) ? ignoreFile : undefined };
}

/** @throws {TsbuildError} DOCKERFILE_UNREADABLE */
export function dockerfileOnStdin(): SourceFile {
  return { name: "Dockerfile", text: readText(0, "the Dockerfile on standard input") };
}

function defaultName(context: string): string {
  const found = DEFAULT_NAMES.find((name) => existsSync(join(context, name)));
  if (found !== undefined) return found;
  const similar = readdirSync(context).filter((name) => /dockerfile|containerfile/i.test(name) && !name.endsWith(".dockerignore"));
  const hint = similar.length === 0 ? "say with -f where it is" : `say with -f which one: ${similar.slice(0, 5).join(", ")}`;
  throw new TsbuildError("DOCKERFILE_MISSING", `there is no Dockerfile in ${context}`, { hint });
}

const MAX_DOCKERFILE_BYTES = 64 * 1024 * 1024;

const readGiven = (path: string | 0): string => readFileSync(path, "utf8");
const readFound = (path: string | 0): string => (path === 0 ? readGiven(path) : readRegularText(path, MAX_DOCKERFILE_BYTES));

function readText(path: string | 0, what: string, read: (path: string | 0) => string = readGiven): string {
  try {
    return read(path);
  } catch (cause) {
    if (cause instanceof TsbuildError) throw cause;
    if (isErrno(cause, "ENOENT", "ENOTDIR")) {
      throw new TsbuildError("DOCKERFILE_MISSING", `${what} does not exist`, { hint: "the path of -f is relative to the current folder" });
    }
    if (isErrno(cause, "EISDIR")) throw new TsbuildError("DOCKERFILE_UNREADABLE", `${what} is a folder`);
    throw new TsbuildError("DOCKERFILE_UNREADABLE", `${what} can't be read`, { cause });
  }
}
