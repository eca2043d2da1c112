/** Finds the OCI runtime and other programs of the host. Never looks into an image. */
import { accessSync, constants, statSync } from "node:fs";
import { basename, isAbsolute, join } from "node:path";
import { TsbuildError } from "../base/errors.js";

export interface Runtime {
  readonly kind: "crun" | "runc";
  /** Absolute. */
  readonly path: string;
}

/** Where programs are looked for: the host's own folders in a fixed order, whatever PATH says. */
export const PROGRAM_FOLDERS: readonly string[] = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/** The environment of every program that is started: nothing of the caller's but the locale is settled. */
export const PROGRAM_ENVIRONMENT: Readonly<Record<string, string>> = { PATH: PROGRAM_FOLDERS.join(":"), LC_ALL: "C" };

/** The absolute path of the first of `names` that is there and executable. */
export function findProgram(...names: readonly string[]): string | undefined {
  for (const name of names) {
    const found = PROGRAM_FOLDERS.map((folder) => join(folder, name)).find(isExecutable);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** @throws {TsbuildError} PROGRAM_MISSING with the Debian package that brings it */
export function requireProgram(name: string, debianPackage: string): string {
  const path = findProgram(name);
  if (path !== undefined) return path;
  throw new TsbuildError("PROGRAM_MISSING", `${name} is not installed`, { hint: `apt install ${debianPackage}` });
}

/**
 * crun when it is there, else runc; TSBUILD_RUNTIME names another, by name or absolute path.
 * @throws {TsbuildError} RUNTIME_MISSING
 */
export function findRuntime(environment: NodeJS.ProcessEnv = process.env): Runtime {
  const wanted = environment["TSBUILD_RUNTIME"];
  if (wanted !== undefined && wanted !== "") return chosenRuntime(wanted);
  const path = findProgram("crun", "runc");
  if (path === undefined) {
    throw new TsbuildError("RUNTIME_MISSING", "no OCI runtime is installed: neither crun nor runc was found", { hint: "apt install crun" });
  }
  return { kind: kindOf(path), path };
}

function chosenRuntime(wanted: string): Runtime {
  const path = isAbsolute(wanted) ? wanted : findProgram(wanted);
  if (path === undefined || !isExecutable(path)) {
    throw new TsbuildError("RUNTIME_MISSING", `TSBUILD_RUNTIME names "${wanted}", which is not an executable here`, {
      hint: "unset it, or install that runtime",
    });
  }
  return { kind: kindOf(path), path };
}

/** Only crun needs to be known apart: what it does beyond the common command line. */
function kindOf(path: string): Runtime["kind"] {
  return basename(path).startsWith("crun") ? "crun" : "runc";
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
