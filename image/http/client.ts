/**
 * Fetches files behind http and https addresses: redirects, retries, limits, and the question whether a file has changed
 * since it was last fetched. What a server says is never believed: the caller computes digests.
 */
import type { Environment } from "../registry/proxy.js";
import { isRedirect } from "../registry/redirect.js";
import { delayAfter, isRetryableError, isRetryableStatus, parseRetryAfter, pause, type RetryPolicy } from "../registry/retry.js";
import { type HttpResponse, Transport } from "../registry/transport.js";
import { type BodyLimits, guardedBody } from "./guarded-body.js";
import { authorizationFor, nextHop, parseAddress } from "./hop.js";
import { connectionError, fetchError, statusError } from "./http-error.js";

/** What a server said of a file's version; sent back, it answers 304 when that is still the one. */
export interface Validators {
  readonly etag?: string | undefined;
  readonly lastModified?: string | undefined;
}

export interface FileRequest<T> {
  readonly url: string;
  /** Of the version that is here already. */
  readonly known?: Validators | undefined;
  /** For the address's own server, not for those it redirects to. */
  readonly authorization?: string | undefined;
  /** Takes the whole file. Called once more, from the start, when the connection broke. */
  readonly receive: (chunks: AsyncIterable<Buffer>) => Promise<T>;
}

export type FetchedFile<T> =
  | { readonly type: "unchanged" }
  | { readonly type: "fetched"; readonly value: T; readonly validators: Validators };

export interface HttpClientOptions {
  /** For proxies and TSBUILD_EXTRA_CA_CERTS. */
  readonly env?: Environment | undefined;
  readonly retry?: RetryPolicy | undefined;
  /** How long a connection may stand still, milliseconds. */
  readonly idleTimeoutMs?: number | undefined;
  readonly limits?: Partial<BodyLimits> | undefined;
}

const MAX_REDIRECTS = 10;
const IDLE_TIMEOUT_MS = 30_000;
const RETRY: RetryPolicy = { attempts: 4, baseDelayMs: 400, maxDelayMs: 20_000 };
const LIMITS: BodyLimits = { maxBytes: 32 * 2 ** 30, windowMs: 60_000, leastBytes: 4096 };

/** Owns its connections: dispose it at the end. undici is loaded with the first request. */
export class HttpClient implements AsyncDisposable {
  readonly #transport: Transport;
  readonly #retry: RetryPolicy;
  readonly #limits: BodyLimits;

  constructor({ env = process.env, retry = RETRY, idleTimeoutMs = IDLE_TIMEOUT_MS, limits }: HttpClientOptions = {}) {
    this.#transport = new Transport({ env, idleTimeoutMs, isVerified: () => true });
    this.#retry = retry;
    this.#limits = { ...LIMITS, ...limits };
  }

  /** @throws {TsbuildError} HTTP_URL, HTTP_REFUSED, HTTP_STATUS, HTTP_UNREACHABLE, HTTP_TOO_LARGE, HTTP_TOO_SLOW, and what `receive` throws */
  async fetch<T>(request: FileRequest<T>, signal: AbortSignal): Promise<FetchedFile<T>> {
    const asked = parseAddress(request.url);
    for (let attempt = 1; ; attempt++) {
      const outcome = await this.#attempt(asked, request, signal);
      if (outcome.type !== "failed") return outcome;
      const delayMs = delayAfter(attempt, outcome.retryAfterMs, this.#retry, Math.random());
      if (!outcome.canRetry || delayMs === undefined) throw outcome.error;
      await pause(delayMs, signal);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#transport[Symbol.asyncDispose]();
  }

  async #attempt<T>(asked: URL, request: FileRequest<T>, signal: AbortSignal): Promise<FetchedFile<T> | FailedAttempt> {
    try {
      const response = await this.#follow(asked, request, signal);
      if (response.status === 200) return await this.#receive(asked, request, response);
      await response.dump();
      if (response.status === 304 && request.known !== undefined) return { type: "unchanged" };
      const retryAfterMs = parseRetryAfter(response.header("retry-after"), Date.now());
      return {
        type: "failed",
        error: statusError(asked, response.url, response.status),
        canRetry: isRetryableStatus(response.status),
        retryAfterMs,
      };
    } catch (error) {
      signal.throwIfAborted();
      return {
        type: "failed",
        error: isRetryableError(error) ? connectionError(asked, error) : named(asked, error),
        canRetry: isRetryableError(error),
      };
    }
  }

  async #receive<T>(asked: URL, { receive }: FileRequest<T>, response: HttpResponse): Promise<FetchedFile<T>> {
    const validators = { etag: response.header("etag"), lastModified: response.header("last-modified") };
    return { type: "fetched", value: await receive(guardedBody(asked, response, this.#limits)), validators };
  }

  async #follow<T>(asked: URL, request: FileRequest<T>, signal: AbortSignal): Promise<HttpResponse> {
    let url = asked;
    for (let hops = 0; ; hops++) {
      const response = await this.#transport.send({ method: "GET", url: bare(url), headers: headersFor(asked, url, request) }, signal);
      if (!isRedirect(response.status)) return response;
      await response.dump();
      if (hops === MAX_REDIRECTS) throw fetchError(asked, "HTTP_REFUSED", `it redirects more than ${MAX_REDIRECTS} times`);
      url = nextHop(asked, url, response.header("location"));
    }
  }
}

interface FailedAttempt {
  readonly type: "failed";
  readonly error: unknown;
  readonly canRetry: boolean;
  readonly retryAfterMs?: number | undefined;
}

/** The file as it is: a compressed transfer would be another file. */
function headersFor<T>(asked: URL, hop: URL, { known, authorization }: FileRequest<T>): Record<string, string> {
  const own = authorization === undefined || hop.origin !== asked.origin ? authorizationFor(asked, hop) : { authorization };
  return {
    "user-agent": "tsbuild",
    "accept-encoding": "identity",
    ...own,
    ...(known?.etag === undefined ? {} : { "if-none-match": known.etag }),
    ...(known?.etag === undefined && known?.lastModified !== undefined ? { "if-modified-since": known.lastModified } : {}),
  };
}

/** Without what isn't sent: credentials go into a header. */
function bare(url: URL): URL {
  const copy = new URL(url);
  copy.username = "";
  copy.password = "";
  copy.hash = "";
  return copy;
}

/** What a connection throws has a code of undici or the system; all else is the receiver's own error and stays what it is. */
function named(asked: URL, error: unknown): unknown {
  const isConnections =
    error instanceof Error &&
    "code" in error &&
    /^(?:UND_ERR|E(?:CONN|NOTFOUND|AI_|ADDR|PROTO|HOST|NET)|ERR_(?:TLS|SSL|INVALID_ARG)|CERT_|DEPTH_|SELF_|UNABLE_|HPE_)/.test(
      String(error.code),
    );
  return isConnections ? connectionError(asked, error) : error;
}
