/** A build context or a Dockerfile that lies elsewhere than on this machine's disk: behind an address, or on standard input. */
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import type { Readable } from "node:stream";
import { TsbuildError } from "../../base/errors.js";
import type { RemoteContext, RemoteSource } from "../../worker/remote-context.js";
import type { GitContextOptions } from "../../worker/git/context.js";
import type { GitRefs } from "../../worker/git/refs.js";
import { dockerfileOnStdin, type FoundDockerfile } from "./dockerfile.js";
import type { BuildFlags } from "./flags.js";
import { isGitContext } from "./git-context.js";

export interface RemoteInputs {
  readonly context?: RemoteSource | { readonly type: "git"; readonly url: string } | undefined;
  readonly dockerfileUrl?: string | undefined;
}

export interface LoadOptions extends Pick<GitContextOptions, "store" | "events"> {
  /** -f */
  readonly file: string | undefined;
  /** For a repository: how to get in, and how its folder is to look. Read when there is one. */
  readonly git: () => Pick<GitContextOptions, "secrets" | "ssh" | "buildArgs">;
}

export interface LoadedInputs {
  readonly context?: (RemoteContext & { readonly gitRefs?: GitRefs | undefined }) | undefined;
  readonly dockerfile?: FoundDockerfile | undefined;
}

/**
 * Undefined when all is on disk. A folder of that name goes before an address.
 * @throws {TsbuildError} USAGE
 */
export function remoteInputs(
  flags: BuildFlags,
  input: { readonly cwd: string; readonly stdin: Readable & { readonly isTTY?: boolean } },
): RemoteInputs | undefined {
  const { cwd } = input;
  const dockerfileUrl = flags.file !== undefined && isUrl(flags.file, cwd) ? flags.file : undefined;
  if (flags.context === "-") {
    if (flags.file === "-")
      throw new TsbuildError("USAGE", "the context and -f can't both be on standard input", { hint: "give one of them as a file" });
    const { stdin } = input;
    if (stdin.isTTY === true)
      throw new TsbuildError("USAGE", "the build context - is standard input, and that is a terminal", {
        hint: "pipe a tar or a Dockerfile into it",
      });
    return { context: { type: "stdin", stream: stdin }, dockerfileUrl };
  }
  if (isUrl(flags.context, cwd)) return { context: { type: "url", url: flags.context }, dockerfileUrl };
  if (isGitContext(flags.context, cwd)) return { context: { type: "git", url: flags.context }, dockerfileUrl };
  return dockerfileUrl === undefined ? undefined : { dockerfileUrl };
}

/** With a context from elsewhere, -f is a path in it. */
export async function loadInputs(
  { context, dockerfileUrl }: RemoteInputs,
  { store, events, file, git }: LoadOptions,
  signal: AbortSignal,
): Promise<LoadedInputs> {
  const { loadRemoteContext, loadRemoteDockerfile } = await import("../../worker/remote-context.js");
  const fetched = dockerfileUrl === undefined ? undefined : await loadRemoteDockerfile(store, dockerfileUrl, events, signal);
  const ownDockerfile = fetched ?? (file === "-" ? dockerfileOnStdin() : undefined);
  if (context === undefined) return { dockerfile: ownDockerfile === undefined ? undefined : { source: ownDockerfile } };
  if (context.type === "git") {
    const { loadGitContext } = await import("../../worker/git/context.js");
    const loaded = await loadGitContext(context.url, { store, events, dockerfile: ownDockerfile ?? file, ...git() }, signal);
    return { context: { ...loaded, downloads: new Map() }, dockerfile: { source: loaded.dockerfile } };
  }
  const loaded = await loadRemoteContext(context, { store, events, dockerfile: ownDockerfile ?? file }, signal);
  return { context: loaded, dockerfile: { source: loaded.dockerfile } };
}

/** http and https, but for what is a git repository by its name. */
function isUrl(text: string, cwd: string): boolean {
  return /^https?:\/\//i.test(text) && !/\.git(?:[#?]|\/?$)/.test(text) && !existsSync(resolve(cwd, text));
}
