/**
 * A client for OCI registries (distribution-spec v1.1): one method per end-point, for any number of registries.
 * What comes from a registry is never believed: digests and sizes are computed here.
 */
import type { Readable } from "node:stream";
import { isDigest, sha256Digest, type Digest } from "../../base/digest.js";
import { familiarName, withDefaultTag, type Reference } from "../reference.js";
import type { Descriptor } from "../types.js";
import { dockerCredentials, type CredentialSource } from "./credentials.js";
import { download, type BlobSink, type OnProgress } from "./download.js";
import { endpointsOf } from "./hosts.js";
import { manifestOf, manifestRequest, type FetchedManifest, type RepositoryName } from "./manifest-request.js";
import type { Environment } from "./proxy.js";
import { DEFAULT_RETRY, type RetryPolicy } from "./retry.js";
import { RegistrySession, type RegistryRequest } from "./session.js";
import { Transport, type HttpResponse } from "./transport.js";
import { upload, type Upload } from "./upload.js";

export interface RegistryClientOptions {
  /** `host[:port]` of registries that may be reached by plain http or with a certificate nobody vouches for. */
  readonly insecure?: readonly string[] | undefined;
  /** Docker's config.json unless told. */
  readonly credentials?: CredentialSource | undefined;
  /** For proxies, Docker's configuration and TSBUILD_EXTRA_CA_CERTS. */
  readonly env?: Environment | undefined;
  readonly retry?: RetryPolicy | undefined;
  /** How long a connection may stand still: 30 s unless told. */
  readonly idleTimeoutMs?: number | undefined;
  /** Told of what the user should see in the log: an insecure registry in use, a credential helper that is missing. */
  readonly onNote?: ((message: string) => void) | undefined;
}

const IDLE_TIMEOUT_MS = 30_000;

/** Owns its connections: dispose it at the end. undici is loaded with the first request. */
export class RegistryClient implements AsyncDisposable {
  readonly #sessions = new Map<string, RegistrySession>();
  readonly #transport: Transport;
  readonly #credentials: CredentialSource;
  readonly #insecure: readonly string[];
  readonly #retry: RetryPolicy;
  readonly #idleTimeoutMs: number;
  readonly #onNote: (message: string) => void;

  constructor(options: RegistryClientOptions = {}) {
    const env = options.env ?? process.env;
    this.#insecure = options.insecure ?? [];
    this.#retry = options.retry ?? DEFAULT_RETRY;
    this.#idleTimeoutMs = options.idleTimeoutMs ?? IDLE_TIMEOUT_MS;
    this.#onNote = options.onNote ?? (() => undefined);
    this.#credentials = options.credentials ?? dockerCredentials({ env, onNote: this.#onNote });
    const unverified = new Set(
      this.#insecure.flatMap((registry) => endpointsOf(registry, this.#insecure).map(({ origin }) => new URL(origin).host)),
    );
    this.#transport = new Transport({ env, idleTimeoutMs: this.#idleTimeoutMs, isVerified: (host) => !unverified.has(host) });
  }

  /**
   * What the reference means now: the manifest or index of its digest, else of its tag, else of `latest`.
   * @throws {TsbuildError} IMAGE_NOT_FOUND, BLOB_MISMATCH, IMAGE_INVALID, IMAGE_AMBIGUOUS, REGISTRY_*
   */
  async resolve(reference: Reference, signal: AbortSignal): Promise<FetchedManifest> {
    const { digest, tag } = withDefaultTag(reference);
    return await this.manifest(reference, digest ?? tag ?? "latest", signal);
  }

  /**
   * The digest that the registry names for the reference, by HEAD, without the bytes; undefined when it names none or
   * refuses (a GET then says why: answers to HEAD have no words). It is a claim: good for finding content that is here already, not for trusting what is fetched.
   */
  async head(reference: Reference, signal: AbortSignal): Promise<Digest | undefined> {
    const { digest, tag } = withDefaultTag(reference);
    const request = manifestRequest("HEAD", reference, digest ?? tag ?? "latest");
    const expect = [200, 400, 401, 403, 404, 405, 406, 429];
    return await this.#session(reference).request(
      { ...request, expect },
      async (response) => {
        await response.dump();
        const claimed = response.status === 200 ? (response.header("docker-content-digest") ?? "") : "";
        return isDigest(claimed) ? claimed : undefined;
      },
      signal,
    );
  }

  /** A manifest or index by digest or tag, with the digest of the bytes that came. @throws as `resolve` */
  async manifest(repository: RepositoryName, digestOrTag: string, signal: AbortSignal): Promise<FetchedManifest> {
    const request = manifestRequest("GET", repository, digestOrTag);
    return await this.#session(repository).request(request, (response) => manifestOf(response, digestOrTag), signal);
  }

  /**
   * Streams a blob into the sink, resuming where the connection breaks. When it throws, the sink holds rubbish: drop it.
   * `urls` of foreign layers are not followed.
   * @throws {TsbuildError} BLOB_MISMATCH when size or digest are not the descriptor's, REGISTRY_*
   */
  async blob(
    repository: RepositoryName,
    descriptor: Descriptor,
    sink: BlobSink,
    signal: AbortSignal,
    onProgress?: OnProgress,
  ): Promise<void> {
    const session = this.#session(repository);
    const open = (offset: number): Promise<HttpResponse> => {
      const headers = offset === 0 ? {} : { range: `bytes=${offset}-` };
      const request: RegistryRequest = {
        method: "GET",
        path: `${repository.repository}/blobs/${descriptor.digest}`,
        headers,
        scopes: pullScopes(repository),
        expect: offset === 0 ? [200] : [200, 206, 416],
        purpose: `fetch ${descriptor.digest} of ${nameOf(repository)}`,
      };
      return session.request(request, async (response) => response, signal);
    };
    await download({ descriptor, sink, retry: this.#retry, onProgress, open }, signal);
  }

  async blobExists(repository: RepositoryName, digest: Digest, signal: AbortSignal): Promise<boolean> {
    const request: RegistryRequest = {
      method: "HEAD",
      path: `${repository.repository}/blobs/${digest}`,
      scopes: pushScopes(repository),
      expect: [200, 404],
      purpose: `push to ${nameOf(repository)}`,
    };
    return await this.#session(repository).request(
      request,
      async (response) => {
        await response.dump();
        return response.status === 200;
      },
      signal,
    );
  }

  /** Sends a blob; ask `blobExists` first. `open` gives it from its start, once per attempt. */
  async uploadBlob(
    repository: RepositoryName,
    descriptor: Descriptor,
    open: () => Readable,
    signal: AbortSignal,
    onProgress?: OnProgress,
  ): Promise<void> {
    await upload({ ...this.#uploadTo(repository), descriptor, open, onProgress }, signal);
  }

  /** Makes a blob of another repository of the same registry appear in this one. False when the registry won't; then send it. */
  async mountBlob(repository: RepositoryName, digest: Digest, fromRepository: string, signal: AbortSignal): Promise<boolean> {
    const query = new URLSearchParams({ mount: digest, from: fromRepository }).toString();
    const request: RegistryRequest = {
      method: "POST",
      path: `${repository.repository}/blobs/uploads/?${query}`,
      headers: { "content-length": "0" },
      scopes: [...pushScopes(repository), `repository:${fromRepository}:pull`],
      expect: [201, 202],
      purpose: `push to ${nameOf(repository)}`,
    };
    return await this.#session(repository).request(
      request,
      async (response) => {
        await response.dump();
        return response.status === 201;
      },
      signal,
    );
  }

  /** Stores a manifest or index under a tag or its digest, and returns its digest. */
  async putManifest(
    repository: RepositoryName,
    tagOrDigest: string,
    content: { readonly bytes: Buffer; readonly mediaType: string },
    signal: AbortSignal,
  ): Promise<Digest> {
    const digest = sha256Digest(content.bytes);
    if (isDigest(tagOrDigest) && tagOrDigest !== digest)
      throw new Error(`Internal error: a manifest with digest ${digest} can't be put as ${tagOrDigest}`);
    const request: RegistryRequest = {
      method: "PUT",
      path: `${repository.repository}/manifests/${tagOrDigest}`,
      headers: { "content-type": content.mediaType, "content-length": String(content.bytes.length) },
      body: () => content.bytes,
      scopes: pushScopes(repository),
      expect: [200, 201, 202],
      purpose: `push ${nameOf(repository)}`,
    };
    return await this.#session(repository).request(
      request,
      async (response) => {
        await response.dump();
        return digest;
      },
      signal,
    );
  }

  /** Any other request below `/v2/`, for end-points that have no method here: tag lists, referrers. */
  async get<T>(repository: RepositoryName, path: string, consume: (response: HttpResponse) => Promise<T>, signal: AbortSignal): Promise<T> {
    const request: RegistryRequest = {
      method: "GET",
      path: `${repository.repository}/${path}`,
      scopes: pullScopes(repository),
      expect: [200],
      purpose: `ask about ${nameOf(repository)}`,
    };
    return await this.#session(repository).request(request, consume, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const sessions = [...this.#sessions.values()];
    this.#sessions.clear();
    await Promise.all([...sessions.map((session) => session.close()), this.#transport[Symbol.asyncDispose]()]);
  }

  #session({ registry }: RepositoryName): RegistrySession {
    let session = this.#sessions.get(registry);
    if (session === undefined) {
      session = new RegistrySession({
        registry,
        transport: this.#transport,
        credentials: this.#credentials,
        insecure: this.#insecure,
        retry: this.#retry,
        onNote: this.#onNote,
      });
      this.#sessions.set(registry, session);
    }
    return session;
  }

  #uploadTo(repository: RepositoryName): Omit<Upload, "descriptor" | "open"> {
    return {
      session: this.#session(repository),
      repository: repository.repository,
      scopes: pushScopes(repository),
      purpose: `push to ${nameOf(repository)}`,
      retry: this.#retry,
      idleTimeoutMs: this.#idleTimeoutMs,
    };
  }
}

function pullScopes({ repository }: RepositoryName): readonly string[] {
  return [`repository:${repository}:pull`];
}

function pushScopes({ repository }: RepositoryName): readonly string[] {
  return [`repository:${repository}:pull,push`];
}

function nameOf({ registry, repository }: RepositoryName): string {
  return familiarName({ registry, repository });
}
