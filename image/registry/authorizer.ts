/**
 * The Authorization header for one registry. Nothing is sent before the registry asks; then its challenge is
 * remembered, and tokens are kept per scope until they end.
 *
 *     unknown ──401 basic──▶ basic
 *        └──────401 bearer─▶ bearer ──per scope──▶ token (asked for once, shared by all who wait)
 */
import { TsbuildError } from "../../base/errors.js";
import { fieldsOf, optionalInteger, optionalString } from "../json-fields.js";
import { parseStrictJson } from "../strict-json.js";
import { checkedRealm, parseChallenges, type Challenge } from "./challenge.js";
import type { Credentials, CredentialSource } from "./credentials.js";
import { errorOfConnection, errorOfResponse } from "./registry-error.js";
import { readBody } from "./read-body.js";
import { isRedirect } from "./redirect.js";
import { leaveOnAbort } from "./retry.js";
import type { HttpRequest, HttpResponse } from "./transport.js";

export interface AuthorizerOptions {
  readonly registry: string;
  /** Where the registry's API lies. Only challenges from there count. */
  readonly origin: URL;
  readonly insecure: readonly string[];
  readonly credentials: CredentialSource;
  /** One exchange, retried where that helps, redirects not followed. */
  readonly send: (request: HttpRequest, signal: AbortSignal) => Promise<HttpResponse>;
}

interface Token {
  readonly header: string;
  readonly endsAtMs: number;
}

type Mode =
  | { readonly type: "unknown" }
  | { readonly type: "basic"; readonly header: string }
  | { readonly type: "bearer"; readonly realm: URL; readonly service: string | undefined };

const MAX_TOKEN_BYTES = 64 * 1024;
/** What the token spec says when the server doesn't. */
const DEFAULT_LIFE_S = 60;
const CLIENT_ID = "tsbuild";

export class Authorizer {
  readonly #options: AuthorizerOptions;
  readonly #tokens = new Map<string, Promise<Token>>();
  /** Ends the work that several callers share. */
  readonly #closing = new AbortController();
  #mode: Mode = { type: "unknown" };
  #credentials: Promise<Credentials | undefined> | undefined;

  constructor(options: AuthorizerOptions) {
    this.#options = options;
  }

  close(): void {
    this.#closing.abort(new Error("the registry client was closed"));
  }

  get hasCredentials(): Promise<boolean> {
    return this.#credentials === undefined
      ? Promise.resolve(false)
      : this.#credentials.then(
          (found) => found !== undefined,
          () => false,
        );
  }

  /** What can be said without being asked: undefined before the first challenge. */
  async headerFor(scopes: readonly string[], signal: AbortSignal): Promise<string | undefined> {
    const mode = this.#mode;
    if (mode.type === "unknown") return undefined;
    if (mode.type === "basic") return mode.header;
    return (await leaveOnAbort(this.#tokenFor(mode, scopes, []), signal)).header;
  }

  /**
   * The header that answers a 401, or undefined when nothing new can be said.
   * @param rejected the header that the registry has just refused
   */
  async answer(
    response: HttpResponse,
    scopes: readonly string[],
    rejected: string | undefined,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const challenges = parseChallenges(response.header("www-authenticate"));
    const bearer = challenges.find(({ scheme }) => scheme === "bearer");
    if (bearer !== undefined) return await this.#answerBearer(bearer, scopes, rejected, signal);
    if (!challenges.some(({ scheme }) => scheme === "basic")) return undefined;
    const found = await leaveOnAbort(this.#loadCredentials(), signal);
    if (found?.type !== "password") return undefined;
    const header = basic(found);
    this.#mode = { type: "basic", header };
    return header === rejected ? undefined : header;
  }

  async #answerBearer(
    challenge: Challenge,
    scopes: readonly string[],
    rejected: string | undefined,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const { origin, insecure } = this.#options;
    const mode = {
      type: "bearer",
      realm: checkedRealm(origin, challenge.params.get("realm"), insecure),
      service: challenge.params.get("service"),
    } as const;
    this.#mode = mode;
    await this.#forget(scopes, rejected);
    const wanted = (challenge.params.get("scope") ?? "")
      .split(" ")
      .filter((scope) => scope !== "" && scope.length < 512)
      .slice(0, 8);
    const { header } = await leaveOnAbort(this.#tokenFor(mode, scopes, wanted), signal);
    return header === rejected ? undefined : header;
  }

  /** Drops a token that was refused, unless somebody else has replaced it already. */
  async #forget(scopes: readonly string[], rejected: string | undefined): Promise<void> {
    const key = scopes.join(" ");
    const held = this.#tokens.get(key);
    if (held === undefined || rejected === undefined) return;
    const token = await held.catch(() => undefined);
    if (token?.header === rejected && this.#tokens.get(key) === held) this.#tokens.delete(key);
  }

  async #tokenFor(mode: Mode & { type: "bearer" }, scopes: readonly string[], alsoWanted: readonly string[]): Promise<Token> {
    const key = scopes.join(" ");
    const held = this.#tokens.get(key);
    if (held !== undefined) {
      const token = await held;
      if (Date.now() < token.endsAtMs) return token;
      if (this.#tokens.get(key) === held) this.#tokens.delete(key);
    }
    let fetching = this.#tokens.get(key);
    if (fetching === undefined) {
      fetching = this.#fetchToken(mode, [...new Set([...scopes, ...alsoWanted])]);
      this.#tokens.set(key, fetching);
      fetching.catch(() => this.#tokens.delete(key));
    }
    return await fetching;
  }

  async #fetchToken(mode: Mode & { type: "bearer" }, scopes: readonly string[]): Promise<Token> {
    const found = await this.#loadCredentials();
    const request = found?.type === "identity-token" ? refreshRequest(mode, scopes, found.token) : tokenRequest(mode, scopes, found);
    const failed = {
      method: request.method,
      url: request.url,
      purpose: `get a token for ${this.#options.registry}`,
      isAuthenticated: found !== undefined,
      notFoundCode: "REGISTRY_ERROR",
    } as const;
    let response: HttpResponse;
    try {
      response = await this.#options.send(request, this.#closing.signal);
    } catch (error) {
      throw errorOfConnection(error, failed);
    }
    if (response.status !== 200) {
      if (isRedirect(response.status)) await response.dump();
      throw await errorOfResponse(response, failed);
    }
    const bytes = await readBody(response, MAX_TOKEN_BYTES);
    if (bytes === undefined)
      throw new TsbuildError("REGISTRY_ERROR", `the token server ${request.url.host} sends more than ${MAX_TOKEN_BYTES} bytes`);
    return parseToken(bytes, Date.now());
  }

  #loadCredentials(): Promise<Credentials | undefined> {
    this.#credentials ??= this.#options.credentials(this.#options.registry, this.#closing.signal);
    return this.#credentials;
  }
}

function tokenRequest(
  { realm, service }: Mode & { type: "bearer" },
  scopes: readonly string[],
  found: (Credentials & { type: "password" }) | undefined,
): HttpRequest {
  const url = new URL(realm);
  if (service !== undefined) url.searchParams.set("service", service);
  for (const scope of scopes) url.searchParams.append("scope", scope);
  if (found !== undefined) url.searchParams.set("account", found.username);
  return { method: "GET", url, headers: found === undefined ? {} : { authorization: basic(found) } };
}

/** OAuth2 with a refresh token, as Docker's token server and Azure's registry have it. */
function refreshRequest({ realm, service }: Mode & { type: "bearer" }, scopes: readonly string[], token: string): HttpRequest {
  const form = new URLSearchParams({ grant_type: "refresh_token", client_id: CLIENT_ID, refresh_token: token, scope: scopes.join(" ") });
  if (service !== undefined) form.set("service", service);
  return {
    method: "POST",
    url: realm,
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: () => Buffer.from(form.toString()),
  };
}

function basic({ username, password }: Credentials & { type: "password" }): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
}

/** Counts from the moment of arrival: the server's clock may be another. The token is given up a tenth of its life early. */
function parseToken(bytes: Buffer, nowMs: number): Token {
  const fields = fieldsOf(parseStrictJson(bytes, { what: "token", maxBytes: MAX_TOKEN_BYTES }), "token");
  const token = optionalString(fields, "token") || optionalString(fields, "access_token");
  if (token === undefined || !/^[\x21-\x7e]+$/.test(token))
    throw new TsbuildError("REGISTRY_ERROR", "the token server's answer has no usable token in it");
  const lifeS = Math.max(optionalInteger(fields, "expires_in") ?? DEFAULT_LIFE_S, 10);
  return { header: `Bearer ${token}`, endsAtMs: nowMs + lifeS * 900 };
}
