/** A build context or a Dockerfile that lies elsewhere than on this machine's disk: behind an address, or on standard input. */
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import type { Readable } from "node:stream";
import { TsbuildError } from "../../base/errors.js";
import type { EventSink } from "../../base/events.js";
import type { Store } from "../../cache/store.js";
import type { RemoteContext, RemoteSource } from "../../worker/remote-context.js";
import { dockerfileOnStdin, type FoundDockerfile } from "./dockerfile.js";
import type { BuildFlags } from "./flags.js";

export interface RemoteInputs {
  readonly context?: RemoteSource | undefined;
  readonly dockerfileUrl?: string | undefined;
}

export interface LoadedInputs {
  readonly context?: RemoteContext | undefined;
  readonly dockerfile?: FoundDockerfile | undefined;
}

/**
 * Undefined when all is on disk. A folder of that name goes before an address.
 * @throws {TsbuildError} USAGE
 */
export function remoteInputs(flags: BuildFlags, { cwd, stdin }: { readonly cwd: string; readonly stdin: Readable & { readonly isTTY?: boolean } }): RemoteInputs | undefined {
  const dockerfileUrl = flags.file !== undefined && isUrl(flags.file, cwd) ? flags.file : undefined;
  if (flags.context === "-") {
    if (flags.file === "-") throw new TsbuildError("USAGE", "the context and -f can't both be on standard input", { hint: "give one of them as a file" });
    if (stdin.isTTY === true) throw new TsbuildError("USAGE", "the build context - is standard input, and that is a terminal", { hint: "pipe a tar or a Dockerfile into it" });
    return { context: { type: "stdin", stream: stdin }, dockerfileUrl };
  }
  if (isUrl(flags.context, cwd)) return { context: { type: "url", url: flags.context }, dockerfileUrl };
  return dockerfileUrl === undefined ? undefined : { dockerfileUrl };
}

/** With a context from elsewhere, -f is a path in it. */
export async function loadInputs(
  { context, dockerfileUrl }: RemoteInputs,
  { store, events, file }: { readonly store: Store; readonly events: EventSink; readonly file: string | undefined },
  signal: AbortSignal,
): Promise<LoadedInputs> {
  const { loadRemoteContext, loadRemoteDockerfile } = await import("../../worker/remote-context.js");
  const fetched = dockerfileUrl === undefined ? undefined : await loadRemoteDockerfile(store, dockerfileUrl, events, signal);
  const ownDockerfile = fetched ?? (file === "-" ? dockerfileOnStdin() : undefined);
  if (context === undefined) return { dockerfile: ownDockerfile === undefined ? undefined : { source: ownDockerfile } };
  const loaded = await loadRemoteContext(context, { store, events, dockerfile: ownDockerfile ?? file }, signal);
  return { context: loaded, dockerfile: { source: loaded.dockerfile } };
}

/** http and https, but for what is a git repository by its name. */
function isUrl(text: string, cwd: string): boolean {
  return /^https?:\/\//i.test(text) && !/\.git(?:[#?]|\/?$)/.test(text) && !existsSync(resolve(cwd, text));
}
