/**
 * Requests to one registry: finds its endpoint, answers its challenges, follows redirects, tries again.
 * Each of these is one function here; what they decide stands in the pure files beside.
 */
import { TsbuildError } from "../../base/errors.js";
import { Authorizer } from "./authorizer.js";
import type { CredentialSource } from "./credentials.js";
import { endpointsOf, type Endpoint } from "./hosts.js";
import { isRedirect, MAX_REDIRECTS, redirectTarget } from "./redirect.js";
import { errorOfConnection, errorOfResponse, type FailedRequest } from "./registry-error.js";
import { delayAfter, isRetryableError, isRetryableStatus, leaveOnAbort, parseRetryAfter, pause, type RetryPolicy } from "./retry.js";
import type { HttpRequest, HttpResponse, Transport } from "./transport.js";

export interface SessionOptions {
  readonly registry: string;
  readonly transport: Transport;
  readonly credentials: CredentialSource;
  readonly insecure: readonly string[];
  readonly retry: RetryPolicy;
  readonly onNote: (message: string) => void;
}

export interface RegistryRequest {
  readonly method: HttpRequest["method"];
  /** Below `/v2/`, or a URL that the registry gave us. */
  readonly path: string | URL;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: HttpRequest["body"];
  readonly answerTimeoutMs?: number;
  /** `repository:NAME:pull`. */
  readonly scopes: readonly string[];
  /** Statuses that are an answer; any other is an error. */
  readonly expect: readonly number[];
  /** What messages say could not be done: `pull alpine:3.20`. */
  readonly purpose: string;
  readonly notFoundCode?: FailedRequest["notFoundCode"];
  /** For requests that must not go out twice by themselves, such as uploads. */
  readonly isSingleAttempt?: true;
}

interface Home {
  readonly origin: URL;
  readonly authorizer: Authorizer;
}

export class RegistrySession {
  readonly #options: SessionOptions;
  #home: Promise<Home> | undefined;
  readonly #closing = new AbortController();

  constructor(options: SessionOptions) {
    this.#options = options;
  }

  async close(): Promise<void> {
    this.#closing.abort(new Error("the registry client was closed"));
    const home = await this.#home?.catch(() => undefined);
    home?.authorizer.close();
  }

  /**
   * Sends the request and hands its response to `consume`; when either breaks in a way that may pass, both are done again.
   * @throws {TsbuildError} REGISTRY_UNREACHABLE, REGISTRY_UNAUTHORIZED, REGISTRY_DENIED, IMAGE_NOT_FOUND, REGISTRY_ERROR
   */
  async request<T>(request: RegistryRequest, consume: (response: HttpResponse) => Promise<T>, signal: AbortSignal): Promise<T> {
    const home = await this.#findHome(request, signal);
    const url = typeof request.path === "string" ? new URL(`/v2/${request.path}`, home.origin) : request.path;
    for (let attempt = 1; ; attempt++) {
      const attempts = request.isSingleAttempt === true ? 1 : this.#options.retry.attempts;
      const again = (retryAfterMs?: number): number | undefined =>
        delayAfter(attempt, retryAfterMs, { ...this.#options.retry, attempts }, Math.random());
      let delayMs: number | undefined;
      try {
        const response = await this.#sendAuthorized(home, request, url, signal);
        if (request.expect.includes(response.status)) return await consume(response);
        delayMs = isRetryableStatus(response.status) ? again(parseRetryAfter(response.header("retry-after"), Date.now())) : undefined;
        if (delayMs === undefined) throw await errorOfResponse(response, await this.#describe(home, request, response.url));
        await response.dump();
      } catch (error) {
        signal.throwIfAborted();
        delayMs ??= isRetryableError(error) && !(error instanceof TsbuildError) ? again() : undefined;
        if (delayMs === undefined)
          throw isFailureOfConnection(error) ? errorOfConnection(error, await this.#describe(home, request, url)) : error;
      }
      await pause(delayMs, signal);
    }
  }

  async #describe(home: Home, request: RegistryRequest, url: URL): Promise<FailedRequest> {
    return {
      method: request.method,
      url,
      purpose: request.purpose,
      isAuthenticated: await home.authorizer.hasCredentials,
      notFoundCode: request.notFoundCode ?? "REGISTRY_ERROR",
    };
  }

  async #sendAuthorized(home: Home, request: RegistryRequest, url: URL, signal: AbortSignal): Promise<HttpResponse> {
    const isHome = url.origin === home.origin.origin;
    const said = isHome ? await home.authorizer.headerFor(request.scopes, signal) : undefined;
    const response = await this.#sendFollowing(request, url, said, signal);
    if (response.status !== 401 || response.url.origin !== home.origin.origin || !isHome) return response;
    const answer = await home.authorizer.answer(response, request.scopes, said, signal);
    if (answer === undefined) return response;
    await response.dump();
    return await this.#sendFollowing(request, url, answer, signal);
  }

  async #sendFollowing(
    request: RegistryRequest,
    start: URL,
    authorization: string | undefined,
    signal: AbortSignal,
  ): Promise<HttpResponse> {
    let url = start;
    for (let hops = 0; ; hops++) {
      const isSameOrigin = url.origin === start.origin;
      const headers = {
        ...request.headers,
        "user-agent": "tsbuild",
        ...(authorization !== undefined && isSameOrigin ? { authorization } : {}),
      };
      const response = await this.#options.transport.send(
        { method: request.method, url, headers, body: request.body, answerTimeoutMs: request.answerTimeoutMs },
        signal,
      );
      if (!isRedirect(response.status) || request.method === "POST") return response;
      await response.dump();
      if (hops === MAX_REDIRECTS)
        throw new TsbuildError("REGISTRY_ERROR", `can't ${request.purpose}: ${start.host} redirects more than ${MAX_REDIRECTS} times`);
      url = redirectTarget(url, response.header("location"));
    }
  }

  async #findHome(request: RegistryRequest, signal: AbortSignal): Promise<Home> {
    if (this.#home === undefined) {
      const finding = this.#makeHome(request);
      this.#home = finding;
      finding.catch(() => {
        if (this.#home === finding) this.#home = undefined;
      });
    }
    return await leaveOnAbort(this.#home, signal);
  }

  async #makeHome(request: RegistryRequest): Promise<Home> {
    const { registry, insecure, credentials, transport, onNote } = this.#options;
    const endpoints = endpointsOf(registry, insecure);
    const endpoint = endpoints.length === 1 ? endpoints[0] : await this.#firstThatAnswers(endpoints, request);
    if (endpoint === undefined) throw new Error("Internal error: a registry without endpoints");
    if (!endpoint.isVerified && insecure.includes(registry)) {
      onNote(
        `the registry ${registry} is used as an insecure one: ${endpoint.origin.startsWith("http:") ? "plain http" : "its certificate is not checked"}`,
      );
    }
    const origin = new URL(endpoint.origin);
    return {
      origin,
      authorizer: new Authorizer({
        registry,
        origin,
        insecure,
        credentials,
        send: (inner, signal) => this.#sendPatiently(transport, inner, signal),
      }),
    };
  }

  /** Asks `GET /v2/` at each; what any of them answers does not matter, as long as it speaks the protocol. When none does, the https failure says more. */
  async #firstThatAnswers(endpoints: readonly Endpoint[], request: RegistryRequest): Promise<Endpoint> {
    let failure: { readonly error: unknown; readonly url: URL } | undefined;
    for (const endpoint of endpoints) {
      const url = new URL("/v2/", endpoint.origin);
      try {
        const response = await this.#options.transport.send(
          { method: "GET", url, headers: { "user-agent": "tsbuild" } },
          this.#closing.signal,
        );
        await response.dump();
        const isTlsPort =
          url.protocol === "http:" && response.status === 400 && endpoints.some(({ origin }) => origin.startsWith("https:"));
        if (!isTlsPort) return endpoint;
      } catch (error) {
        if (failure === undefined || url.protocol === "https:") failure = { error, url };
      }
    }
    const { error, url } = failure ?? { error: new Error("it answers neither http nor https"), url: new URL("/v2/", endpoints[0]?.origin) };
    throw errorOfConnection(error, {
      method: "GET",
      url,
      purpose: request.purpose,
      isAuthenticated: false,
      notFoundCode: "REGISTRY_ERROR",
    });
  }

  /** For token servers: the same patience, no redirects. */
  async #sendPatiently(transport: Transport, request: HttpRequest, signal: AbortSignal): Promise<HttpResponse> {
    for (let attempt = 1; ; attempt++) {
      let delayMs: number | undefined;
      try {
        const response = await transport.send(request, signal);
        delayMs = isRetryableStatus(response.status)
          ? delayAfter(attempt, parseRetryAfter(response.header("retry-after"), Date.now()), this.#options.retry, Math.random())
          : undefined;
        if (delayMs === undefined) return response;
        await response.dump();
      } catch (error) {
        signal.throwIfAborted();
        delayMs ??= isRetryableError(error) ? delayAfter(attempt, undefined, this.#options.retry, Math.random()) : undefined;
        if (delayMs === undefined) throw error;
      }
      await pause(delayMs, signal);
    }
  }
}

/** Errors of Node and undici have a code; those of our own callbacks (a full disk, say) pass as they are. */
function isFailureOfConnection(error: unknown): boolean {
  if (error instanceof TsbuildError || !(error instanceof Error)) return false;
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  return (
    isRetryableError(error) ||
    /^(UND_ERR_|ERR_TLS|ERR_SSL|CERT_|UNABLE_TO|DEPTH_ZERO|SELF_SIGNED|HPE_|EPROTO|ECONNREFUSED|ENOTFOUND|EADDRNOTAVAIL|EAI_|HOSTNAME_MISMATCH)/.test(
      code,
    )
  );
}
