/** A blob into a registry (distribution-spec "Pushing a blob monolithically": POST, then one PUT). */
import { Readable } from "node:stream";
import { TsbuildError } from "../../base/errors.js";
import type { Descriptor } from "../types.js";
import type { OnProgress } from "./download.js";
import { redirectTarget } from "./redirect.js";
import { delayAfter, isRetryableError, pause, type RetryPolicy } from "./retry.js";
import type { RegistryRequest, RegistrySession } from "./session.js";

export interface Upload {
  readonly session: RegistrySession;
  readonly repository: string;
  readonly descriptor: Descriptor;
  /** The blob from its start; called once per attempt. */
  readonly open: () => Readable;
  readonly scopes: readonly string[];
  readonly purpose: string;
  readonly retry: RetryPolicy;
  readonly onProgress?: OnProgress | undefined;
  /** An upload of which nothing is taken for so long counts as broken. */
  readonly idleTimeoutMs: number;
}

/** Registries that copy the blob to an object store before they answer take their time. */
const COMMIT_TIMEOUT_MS = 10 * 60_000;
const ACCEPTED = 202;
const CREATED = 201;

/** What a session that was lost, or a server in trouble, answers to PUT. A new session may do better. */
const LOST_SESSION: ReadonlySet<number> = new Set([404, 408, 416, 425, 429, 500, 502, 503, 504]);

/** Sends the blob. Each attempt is a session of its own, since the registry may have forgotten the last. */
export async function upload(job: Upload, signal: AbortSignal): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    let failure: unknown;
    try {
      const location = await begin(job, signal);
      const status = await put(job, location, attempt >= job.retry.attempts, signal);
      if (status === CREATED) return;
    } catch (error) {
      signal.throwIfAborted();
      const isBroken = isRetryableError(error);
      if (!isBroken) throw error;
      failure = error;
    }
    const delayMs = delayAfter(attempt, undefined, job.retry, Math.random());
    if (delayMs === undefined)
      throw failure ?? new TsbuildError("REGISTRY_ERROR", `can't ${job.purpose}: the registry did not take ${job.descriptor.digest}`);
    await pause(delayMs, signal);
  }
}

/** Asks for a session: the URL to send to. */
async function begin(job: Upload, signal: AbortSignal): Promise<URL> {
  const request: RegistryRequest = {
    method: "POST",
    path: `${job.repository}/blobs/uploads/`,
    headers: { "content-length": "0" },
    scopes: job.scopes,
    expect: [ACCEPTED],
    purpose: job.purpose,
  };
  return await job.session.request(
    request,
    async (response) => {
      await response.dump();
      return redirectTarget(response.url, response.header("location"));
    },
    signal,
  );
}

async function put(job: Upload, location: URL, isLast: boolean, signal: AbortSignal): Promise<number> {
  const { descriptor } = job;
  const url = new URL(location);
  url.searchParams.set("digest", descriptor.digest);
  const request: RegistryRequest = {
    method: "PUT",
    path: url,
    headers: { "content-type": "application/octet-stream", "content-length": String(descriptor.size) },
    body: () => (descriptor.size === 0 ? Buffer.alloc(0) : counted(job)),
    answerTimeoutMs: COMMIT_TIMEOUT_MS,
    scopes: job.scopes,
    expect: isLast ? [CREATED] : [CREATED, ...LOST_SESSION],
    purpose: job.purpose,
    isSingleAttempt: true,
  };
  return await job.session.request(
    request,
    async (response) => {
      await response.dump();
      return response.status;
    },
    signal,
  );
}

/** The blob's stream, counted and watched: when the other side takes nothing more, it breaks off. */
function counted({ open, descriptor, onProgress, idleTimeoutMs }: Upload): Readable {
  const source = open();
  let sent = 0;
  const stall = (): void =>
    void stream.destroy(Object.assign(new Error(`the registry took nothing for ${idleTimeoutMs / 1000} s`), { code: "ETIMEDOUT" }));
  const read = async function* (): AsyncIterable<Buffer> {
    const timer = setTimeout(stall, idleTimeoutMs);
    try {
      for await (const chunk of source) {
        if (!Buffer.isBuffer(chunk)) throw new Error("Internal error: a blob stream that isn't bytes");
        timer.refresh();
        yield chunk;
        sent += chunk.length;
        onProgress?.(sent, descriptor.size);
      }
    } finally {
      clearTimeout(timer);
    }
  };
  const stream = Readable.from(read(), { objectMode: false });
  return stream;
}
