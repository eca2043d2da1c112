/** One HTTP exchange after another: connections, TLS, proxies and timeouts. No retries, no redirects, no authentication. */
import { readFile } from "node:fs/promises";
import { lookup as dnsLookup } from "node:dns";
import type { LookupFunction } from "node:net";
import type { Readable } from "node:stream";
import type { Agent, Dispatcher } from "undici";
import { TsbuildError } from "../../base/errors.js";
import { isLinkLocal } from "./hosts.js";
import { proxyFor, type Environment } from "./proxy.js";

export interface HttpRequest {
  readonly method: "GET" | "HEAD" | "POST" | "PUT";
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** Called once per exchange: a stream can be sent only once. */
  readonly body?: (() => Readable | Buffer) | undefined;
  /** How long the server may think after it has the whole request; the idle time unless told. */
  readonly answerTimeoutMs?: number | undefined;
}

export interface HttpResponse {
  readonly status: number;
  readonly url: URL;
  /** One header's value; several are joined by a comma. */
  header(name: string): string | undefined;
  /** To be read to its end, or left through `dump`. */
  readonly body: Readable;
  dump(): Promise<void>;
}

export interface TransportOptions {
  readonly env: Environment;
  /** A connection on which nothing moves for so long counts as broken. */
  readonly idleTimeoutMs: number;
  /** Whether a TLS certificate of `host` (with its port, if any) has to be good. */
  readonly isVerified: (host: string) => boolean;
}

const CONNECT_TIMEOUT_MS = 15_000;
const CONNECTIONS_PER_HOST = 8;

/** Owns the connections. Nothing is loaded or opened before the first `send`. */
export class Transport implements AsyncDisposable {
  readonly #options: TransportOptions;
  readonly #dispatchers = new Map<string, Promise<Dispatcher>>();
  #extraRoots: Promise<readonly string[] | undefined> | undefined;
  #isClosed = false;

  constructor(options: TransportOptions) {
    this.#options = options;
  }

  /** Resolves when the response's headers are there. @throws undici's or the system's error, as it is */
  async send(request: HttpRequest, signal: AbortSignal): Promise<HttpResponse> {
    signal.throwIfAborted();
    const { request: exchange } = await import("undici");
    const { idleTimeoutMs } = this.#options;
    const response = await exchange(request.url, {
      dispatcher: await this.#dispatcherFor(request.url),
      method: request.method,
      headers: request.headers,
      body: request.body?.() ?? null,
      signal,
      headersTimeout: request.answerTimeoutMs ?? idleTimeoutMs,
      bodyTimeout: idleTimeoutMs,
    });
    return {
      status: response.statusCode,
      url: request.url,
      header: (name) => joined(response.headers[name.toLowerCase()]),
      body: response.body,
      dump: () => response.body.dump({ limit: 64 * 1024 }).catch(() => undefined),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    const dispatchers = [...this.#dispatchers.values()];
    this.#dispatchers.clear();
    await Promise.all(dispatchers.map(async (made) => (await made).destroy()));
  }

  #dispatcherFor(url: URL): Promise<Dispatcher> {
    if (this.#isClosed) throw new Error("Internal error: the registry client is closed");
    const proxy = proxyFor(url, this.#options.env);
    const isVerified = this.#options.isVerified(url.host);
    const key = `${url.protocol} ${isVerified} ${proxy ?? ""}`;
    let dispatcher = this.#dispatchers.get(key);
    if (dispatcher === undefined) {
      dispatcher = this.#makeDispatcher(url.protocol === "https:", isVerified, proxy);
      this.#dispatchers.set(key, dispatcher);
      dispatcher.catch(() => this.#dispatchers.delete(key));
    }
    return dispatcher;
  }

  async #makeDispatcher(isTls: boolean, isVerified: boolean, proxy: string | undefined): Promise<Dispatcher> {
    const { Agent, ProxyAgent } = await import("undici");
    const ca = isTls ? await this.#roots() : undefined;
    const tls = isTls ? { rejectUnauthorized: isVerified, ...(ca === undefined ? {} : { ca: [...ca] }) } : {};
    const common: Agent.Options = { connections: CONNECTIONS_PER_HOST, pipelining: 1 };
    if (proxy === undefined) return new Agent({ ...common, connect: { ...tls, timeout: CONNECT_TIMEOUT_MS, lookup: guardedLookup } });
    const proxyRoots = proxy.startsWith("https:") ? await this.#roots() : undefined;
    return new ProxyAgent({
      ...common,
      uri: proxy,
      proxyTunnel: isTls,
      requestTls: { ...tls, timeout: CONNECT_TIMEOUT_MS },
      ...(proxyRoots === undefined ? {} : { proxyTls: { ca: [...proxyRoots] } }),
    });
  }

  #roots(): Promise<readonly string[] | undefined> {
    this.#extraRoots ??= rootsWith(this.#options.env["TSBUILD_EXTRA_CA_CERTS"]);
    return this.#extraRoots;
  }
}

/** Node's own certificates and those of a PEM file; undefined for Node's alone. Read at the first TLS connection only: it takes 50-90 ms. */
async function rootsWith(extraPath: string | undefined): Promise<readonly string[] | undefined> {
  if (extraPath === undefined || extraPath === "") return undefined;
  const { rootCertificates } = await import("node:tls");
  try {
    return [...rootCertificates, await readFile(extraPath, "utf8")];
  } catch (cause) {
    throw new TsbuildError("REGISTRY_UNREACHABLE", `the file of extra CA certificates, ${extraPath}, can't be read`, {
      cause,
      hint: "check NODE_EXTRA_CA_CERTS",
    });
  }
}

/** A name that resolves to a link-local address is not connected to, whoever made it resolve so. */
const guardedLookup: LookupFunction = (hostname, options, callback) => {
  dnsLookup(hostname, { ...options, all: true }, (error, found) => {
    const addresses = error === null ? found.filter(({ address }) => !isLinkLocal(address)) : [];
    const [first] = addresses;
    if (error !== null) callback(error, "", 4);
    else if (first === undefined)
      callback(Object.assign(new Error(`${hostname} resolves to a link-local address`), { code: "EADDRNOTAVAIL" }), "", 4);
    else if (options.all === true) callback(null, addresses);
    else callback(null, first.address, first.family);
  });
};

function joined(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(", ") : value;
}
