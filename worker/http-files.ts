/** Files behind addresses: who they are, which may take one question to a server, and each as a snapshot of one file. */
import { constants } from "node:fs";
import { chmod, chown, copyFile, utimes } from "node:fs/promises";
import { join } from "node:path";
import { type Digest, digestHex, digestOf } from "../base/digest.js";
import { TsbuildError, isErrno } from "../base/errors.js";
import type { EventSink } from "../base/events.js";
import { readHttpRecord, type HttpRecord, writeHttpRecord } from "../cache/http-records.js";
import type { Store } from "../cache/store.js";
import type { SnapshotName } from "../cache/types.js";
import type { HttpClient } from "../image/http/client.js";
import { modifiedSec } from "../image/http/modified-time.js";
import { shownUrl } from "../image/http/shown-url.js";
import type { HttpSource } from "../llb/op.js";
import type { Result, SourceFacts } from "../solver/types.js";
import { activePaths, commitWritten } from "./active.js";

export interface HttpFilesOptions {
  readonly store: Store;
  readonly events: EventSink;
  /** What was fetched for this build already, by address: nobody is asked again. */
  readonly downloads?: ReadonlyMap<string, HttpRecord> | undefined;
  /** For the Authorization header that a file's server gets. */
  readonly authorization?: ((url: URL) => string | undefined) | undefined;
}

export interface Wanted {
  /** Whose progress it is. */
  readonly vertex?: Digest | undefined;
  readonly checksum?: Digest | undefined;
}

/** One build sees one version of each address, however often it is named. Owns its connections. */
export class HttpFiles implements AsyncDisposable {
  readonly #options: HttpFilesOptions;
  readonly #asked = new Map<string, Promise<HttpRecord>>();
  #client: Promise<HttpClient> | undefined;

  constructor(options: HttpFilesOptions) {
    this.#options = options;
    for (const [url, record] of options.downloads ?? []) this.#asked.set(url, Promise.resolve(record));
  }

  /** With a checksum the file is known before anybody is asked for it. */
  async identify(op: HttpSource, vertex: Digest, signal: AbortSignal): Promise<SourceFacts> {
    const identity =
      op.checksum === undefined ? identityOf(op, await this.content(op.url, { vertex }, signal)) : pinnedIdentity(op, op.checksum);
    const chain = [snapshotName(identity)];
    return { chain, identity, isPresent: await this.#options.store.snapshots.hasAll(chain) };
  }

  /** @throws {TsbuildError} CHECKSUM_MISMATCH, HTTP_… */
  async fetch(op: HttpSource, vertex: Digest, signal: AbortSignal): Promise<Result> {
    const { chain, identity } = await this.identify(op, vertex, signal);
    const [name] = chain;
    if (name === undefined) throw new Error("Internal error: a file without a snapshot");
    await this.#options.store.lease.hold(`snapshot/${name}`);
    const record = await this.content(op.url, { vertex, checksum: op.checksum }, signal);
    if (op.checksum !== undefined && record.digest !== op.checksum) throw mismatch(op.url, op.checksum, record.digest);
    if (!(await this.#options.store.snapshots.hasAll(chain))) await this.#write(op, record, name);
    return { chain, identity };
  }

  /** The file's bytes as a blob of the store. An unchanged file costs one request, one that `checksum` names none. */
  async content(url: string, wanted: Wanted, signal: AbortSignal): Promise<HttpRecord> {
    const asked = this.#asked.get(url);
    if (asked !== undefined) return asked;
    if (wanted.checksum !== undefined) {
      const known = await this.#whole(readHttpRecord(this.#options.store, url));
      if (known?.digest === wanted.checksum) return known;
    }
    return this.#ask(url, wanted, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await (await this.#client)?.[Symbol.asyncDispose]();
  }

  #ask(url: string, wanted: Wanted, signal: AbortSignal): Promise<HttpRecord> {
    const asked = this.#asked.get(url) ?? this.#revalidate(url, wanted, signal);
    asked.catch(() => undefined);
    this.#asked.set(url, asked);
    return asked;
  }

  async #revalidate(url: string, { vertex }: Wanted, signal: AbortSignal): Promise<HttpRecord> {
    const { store, authorization } = this.#options;
    await using _lock = await store.locks.acquire(`http/${url}`, { signal });
    const known = await this.#whole(readHttpRecord(store, url));
    const client = await this.#openClient();
    const header = URL.canParse(url) ? authorization?.(new URL(url)) : undefined;
    const fetched = await client.fetch(
      { url, known, authorization: header, receive: (chunks) => this.#receive(chunks, url, vertex) },
      signal,
    );
    if (fetched.type === "unchanged") {
      if (known === undefined) throw new Error("Internal error: a file nobody has is unchanged");
      return known;
    }
    const record = { url, digest: fetched.value, ...fetched.validators };
    writeHttpRecord(store, record);
    return record;
  }

  /** A record whose bytes are gone is none. */
  async #whole(record: HttpRecord | undefined): Promise<HttpRecord | undefined> {
    if (record === undefined) return undefined;
    await this.#options.store.lease.hold(`blob/${record.digest}`);
    return (await this.#options.store.content.size(record.digest)) === undefined ? undefined : record;
  }

  async #receive(chunks: AsyncIterable<Buffer>, url: string, vertex: Digest | undefined): Promise<Digest> {
    await using writer = await this.#options.store.content.writer();
    let current = 0;
    const say = (isDone: boolean): void => {
      if (vertex !== undefined)
        this.#options.events({ type: "step-progress", vertex, id: `downloading ${shownUrl(url)}`, current, isDone, atMs: Date.now() });
    };
    for await (const chunk of chunks) {
      await writer.write(chunk);
      current += chunk.length;
      say(false);
    }
    say(true);
    return await writer.commit();
  }

  #openClient(): Promise<HttpClient> {
    this.#client ??= import("../image/http/client.js").then(({ HttpClient: Client }) => new Client());
    return this.#client;
  }

  async #write(op: HttpSource, { digest, lastModified }: HttpRecord, name: SnapshotName): Promise<void> {
    const { store } = this.#options;
    await using active = await store.snapshots.prepare();
    const path = join(active.fs, op.filename);
    await placeFile(store.content.path(digest), path);
    await chown(path, op.uid ?? 0, op.gid ?? 0);
    await chmod(path, op.mode ?? DEFAULT_MODE);
    const mtimeSec = modifiedSec(lastModified);
    await utimes(path, mtimeSec, mtimeSec);
    const { listSnapshot, writeList } = await import("./thread/list-snapshot.js");
    const { list, facts } = listSnapshot(store.kernel, active.fs, { wantsDiffId: false, known: new Map([[op.filename, digest]]) });
    writeList(activePaths(active), list);
    await commitWritten(active, facts, name);
  }
}

/** Docker's for files from elsewhere: nobody but their owner reads them unless the Dockerfile says so. */
const DEFAULT_MODE = 0o600;

async function placeFile(blob: string, path: string): Promise<void> {
  try {
    await copyFile(blob, path, constants.COPYFILE_FICLONE);
  } catch (error) {
    if (!isErrno(error, "ENAMETOOLONG")) throw error;
    throw new TsbuildError("HTTP_URL", "the last part of the address is too long for the name of a file", {
      hint: "fetch it in a RUN step, under a shorter name",
    });
  }
}

/** What is in the snapshot. */
function identityOf(op: HttpSource, { digest, lastModified }: HttpRecord): Digest {
  return digestOf({
    type: "http",
    name: op.filename,
    digest,
    mode: op.mode ?? DEFAULT_MODE,
    mtime: modifiedSec(lastModified),
    uid: op.uid ?? 0,
    gid: op.gid ?? 0,
  });
}

/** Without the time, which only the server knows: times of what is copied count in no key. */
function pinnedIdentity(op: HttpSource, digest: Digest): Digest {
  return digestOf({ type: "http", name: op.filename, digest, mode: op.mode ?? DEFAULT_MODE, uid: op.uid ?? 0, gid: op.gid ?? 0 });
}

/** Named by identity, so that builds share it. */
function snapshotName(identity: Digest): SnapshotName {
  return digestHex(identity) as SnapshotName;
}

function mismatch(url: string, wanted: Digest, found: Digest): TsbuildError {
  return new TsbuildError("CHECKSUM_MISMATCH", `digest mismatch: ${shownUrl(url)} has the checksum ${found}, not ${wanted}`, {
    hint: "the file has changed or was tampered with; nothing of it was used",
  });
}
