/** Build contexts that are no folder: an archive or a Dockerfile behind an address or on standard input. */
import { type Readable, addAbortSignal } from "node:stream";
import { TsbuildError } from "../base/errors.js";
import type { EventSink } from "../base/events.js";
import type { SourceFile } from "../base/source.js";
import type { HttpRecord } from "../cache/http-records.js";
import type { Store } from "../cache/store.js";
import type { NamedContext } from "../frontend/compile/types.js";
import { shownUrl } from "../image/http/shown-url.js";
import { readContextFile } from "./context-archive.js";
import { HttpFiles } from "./http-files.js";

export type RemoteSource = { readonly type: "url"; readonly url: string } | { readonly type: "stdin"; readonly stream: Readable };

export interface RemoteContext {
  readonly dockerfile: SourceFile;
  /** What `context` stands for; unset for a lone Dockerfile. */
  readonly context?: NamedContext | undefined;
  /** For `BuildRequest.downloads`. */
  readonly downloads: ReadonlyMap<string, HttpRecord>;
}

export interface RemoteContextOptions {
  readonly store: Store;
  readonly events: EventSink;
  /** A path in the archive, or a Dockerfile from elsewhere; unset: the default names in the archive. */
  readonly dockerfile?: string | SourceFile | undefined;
}

/** Stands for standard input where an address is wanted. Never fetched. */
const STDIN = "stdin:";
const MAX_STDIN_BYTES = 32 * 2 ** 30;

/**
 * Fetches or reads the context into the store, once, and finds its Dockerfile.
 * @throws {TsbuildError} HTTP_…, CONTEXT_INVALID, DOCKERFILE_MISSING, DOCKERFILE_UNREADABLE
 */
export async function loadRemoteContext(
  source: RemoteSource,
  { store, events, dockerfile }: RemoteContextOptions,
  signal: AbortSignal,
): Promise<RemoteContext> {
  const url = source.type === "url" ? source.url : STDIN;
  const record = source.type === "url" ? await fetchFile(store, events, url, signal) : await storeStream(store, source.stream, signal);
  const shown = source.type === "url" ? shownUrl(url) : "on standard input";
  const downloads = new Map([[url, record]]);
  if (typeof dockerfile === "object") return { dockerfile, context: { type: "http", url }, downloads };
  const found = await readContextFile(store.content.path(record.digest), shown, dockerfile);
  return { dockerfile: found.dockerfile, ...(found.isArchive ? { context: { type: "http", url } } : {}), downloads };
}

/** A Dockerfile behind an address, for -f. @throws {TsbuildError} HTTP_…, CONTEXT_INVALID */
export async function loadRemoteDockerfile(store: Store, url: string, events: EventSink, signal: AbortSignal): Promise<SourceFile> {
  const { digest } = await fetchFile(store, events, url, signal);
  const { dockerfile, isArchive } = await readContextFile(store.content.path(digest), shownUrl(url), undefined);
  if (isArchive)
    throw new TsbuildError("CONTEXT_INVALID", `-f ${shownUrl(url)} is an archive, not a Dockerfile`, {
      hint: "give it as the build context, and -f as a path in it",
    });
  return { name: shownUrl(url), text: dockerfile.text };
}

async function fetchFile(store: Store, events: EventSink, url: string, signal: AbortSignal): Promise<HttpRecord> {
  await using files = new HttpFiles({ store, events });
  events({ type: "note", message: `fetching ${shownUrl(url)}` });
  return await files.content(url, {}, signal);
}

async function storeStream(store: Store, stream: Readable, signal: AbortSignal): Promise<HttpRecord> {
  await using writer = await store.content.writer();
  let total = 0;
  try {
    for await (const chunk of addAbortSignal(signal, stream)) {
      if (!Buffer.isBuffer(chunk)) throw new Error("Internal error: standard input isn't bytes");
      total += chunk.length;
      if (total > MAX_STDIN_BYTES)
        throw new TsbuildError("CONTEXT_INVALID", `the build context on standard input has more than ${MAX_STDIN_BYTES} bytes`);
      await writer.write(chunk);
    }
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  }
  return { url: STDIN, digest: await writer.commit() };
}
