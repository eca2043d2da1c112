/**
 * Compiled system call filters. Compiling takes crun some 15 ms for each process, more than all the rest; the result is
 * the same for the same profile, so it is kept and handed to crun as it is.
 */
import { readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { sha256Digest } from "../base/digest.js";
import { isErrno } from "../base/errors.js";
import type { Runtime } from "./runtime.js";

/** crun(1): the filter as base64, instead of the profile. A crun that has dropped it compiles the profile as always. */
export const FILTER_ANNOTATION = "run.oci.seccomp_bpf_data";
/** The size of struct sock_filter (linux/filter.h). */
const INSTRUCTION_BYTES = 8;

export interface FilterRequest {
  /** A folder that only tsbuild writes to. */
  readonly cacheDir: string;
  readonly profile: unknown;
  readonly runtime: Runtime;
}

/**
 * The file's name says which profile and which crun. An upgrade of libseccomp alone isn't seen: the kept filter then still
 * lacks calls that the older one didn't know, which errs on the strict side.
 */
function pathOf({ cacheDir, profile, runtime }: FilterRequest): string {
  const { size, mtimeMs } = statSync(runtime.path);
  const key = sha256Digest(JSON.stringify([profile, runtime.path, size, mtimeMs])).slice("sha256:".length);
  return join(cacheDir, `seccomp-${key}`);
}

/** Base64, or `undefined` when there is none or it is damaged. */
export function loadFilter(request: FilterRequest): string | undefined {
  try {
    const [digest, data] = readFileSync(pathOf(request), "latin1").split("\n");
    return data !== undefined && digest === sha256Digest(data) ? data : undefined;
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR")) return undefined;
    throw error;
  }
}

/** Keeps what `copyFilterHook` has left at `copy`. Nothing there, or something torn, is passed over: the next process tries again. */
export function storeFilter(request: FilterRequest, copy: string): void {
  let bytes: Buffer;
  try {
    bytes = readFileSync(copy);
    rmSync(copy);
  } catch (error) {
    if (isErrno(error, "ENOENT")) return;
    throw error;
  }
  if (bytes.length === 0 || bytes.length % INSTRUCTION_BYTES !== 0) return;
  const data = bytes.toString("base64");
  const temporary = `${copy}.new`;
  writeFileSync(temporary, `${sha256Digest(data)}\n${data}`);
  renameIntoCache(temporary, pathOf(request));
}

function renameIntoCache(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    rmSync(from, { force: true });
    if (!isErrno(error, "ENOENT", "EXDEV")) throw error;
  }
}

/** A hook (runtime-spec config.md "POSIX-platform Hooks") that copies the filter crun has written; it never fails. crun waits for it, and writes the filter after the hooks that come before. */
export function copyFilterHook({ from, to }: { readonly from: string; readonly to: string }): object {
  return {
    poststart: [
      {
        path: "/bin/sh",
        // what the runtime says of the container is read to its end: a hook that ends before would break the pipe, and the container with it
        args: ["sh", "-c", 'cat >/dev/null; cp -- "$1" "$2.part" && mv -- "$2.part" "$2" || :', "sh", from, to],
        env: ["PATH=/usr/bin:/bin"],
      },
    ],
  };
}
