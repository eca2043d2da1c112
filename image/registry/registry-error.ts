/** Answers and failures of a registry as errors for people: its own words, the status, and a URL without credentials. */
import { TsbuildError } from "../../base/errors.js";
import { isJsonObject, parseStrictJson } from "../strict-json.js";
import { readBody } from "./read-body.js";
import type { HttpResponse } from "./transport.js";

const MAX_BODY = 64 * 1024;
const MAX_WORDS = 400;

export interface FailedRequest {
  readonly method: string;
  readonly url: URL;
  /** What was wanted, for the message: `pull alpine:3.20`. */
  readonly purpose: string;
  readonly isAuthenticated: boolean;
  /** The code for a 404. */
  readonly notFoundCode: "IMAGE_NOT_FOUND" | "REGISTRY_ERROR";
}

/** Reads what is left of the response, at most 64 KiB. */
export async function errorOfResponse(response: HttpResponse, request: FailedRequest): Promise<TsbuildError> {
  const words = registryWords(await readBounded(response));
  const where = `${request.method} ${redactedUrl(response.url)}: ${response.status}`;
  const code = codeOf(response.status, request);
  const said = code === "IMAGE_NOT_FOUND" && words !== undefined ? `${meaningOf(404)}: ${words}` : (words ?? meaningOf(response.status));
  const message = `can't ${request.purpose}: ${said} (${where})`;
  return new TsbuildError(code, message, { hint: hintFor(response, request) });
}

export function errorOfConnection(error: unknown, request: FailedRequest): TsbuildError {
  if (error instanceof TsbuildError) return error;
  return new TsbuildError("REGISTRY_UNREACHABLE", `can't ${request.purpose}: no answer from ${request.url.host}: ${rootMessage(error)}`, {
    cause: error,
    hint: hintForConnection(error, request.url),
  });
}

/** Without user, password, query and fragment: signed URLs carry credentials there. */
export function redactedUrl(url: URL): string {
  return `${url.protocol}//${url.host}${url.pathname}`;
}

/** The registry's coded messages (distribution-spec "Error Codes"), or the first line of a plain text. */
export function registryWords(body: Buffer): string | undefined {
  let value: unknown;
  try {
    value = parseStrictJson(body, { what: "error", maxBytes: MAX_BODY });
  } catch {
    const text = body.toString("utf8").trim();
    return text === "" || text.startsWith("<") ? undefined : clean(text.split("\n", 1)[0] ?? "");
  }
  if (!isJsonObject(value)) return undefined;
  const errors = Array.isArray(value["errors"]) ? (value["errors"] as readonly unknown[]) : [value];
  const words = errors
    .slice(0, 5)
    .map(wordsOf)
    .filter((text) => text !== "");
  return words.length === 0 ? undefined : clean(words.join("; "));
}

function wordsOf(value: unknown): string {
  if (!isJsonObject(value)) return "";
  const text = (name: string): string | undefined => (typeof value[name] === "string" ? value[name] : undefined);
  const detail = text("message") ?? text("details") ?? text("error_description") ?? text("error");
  return [text("code"), detail].filter((part) => part !== undefined && part !== "").join(": ");
}

function clean(text: string): string {
  // eslint-disable-next-line no-control-regex
  const shown = text.replace(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]+/g, " ").trim();
  return shown.length > MAX_WORDS ? `${shown.slice(0, MAX_WORDS)}…` : shown;
}

/** The status alone must do when the words can't be had. */
async function readBounded(response: HttpResponse): Promise<Buffer> {
  return (await readBody(response, MAX_BODY).catch(() => undefined)) ?? Buffer.alloc(0);
}

function codeOf(status: number, request: FailedRequest): string {
  if (status === 401) return "REGISTRY_UNAUTHORIZED";
  if (status === 403) return "REGISTRY_DENIED";
  return status === 404 ? request.notFoundCode : "REGISTRY_ERROR";
}

function meaningOf(status: number): string {
  if (status === 401) return "the registry asks for a login";
  if (status === 403) return "the registry does not allow it";
  if (status === 404) return "not found in the registry";
  if (status === 429) return "too many requests";
  return status >= 500 ? "the registry has a fault" : "the registry refuses";
}

function hintFor(response: HttpResponse, request: FailedRequest): string | undefined {
  const login = `log in with: tsbuild login ${response.url.host === "registry-1.docker.io" ? "" : response.url.host}`.trimEnd();
  if (response.status === 401)
    return request.isAuthenticated
      ? "the image does not exist, or these credentials may not do that"
      : `the image does not exist, or you have to ${login}`;
  if (response.status === 403) return request.isAuthenticated ? "these credentials may not do that" : login;
  if (response.status === 404 && request.notFoundCode === "IMAGE_NOT_FOUND") return "check the name and the tag";
  if (response.status !== 429) return undefined;
  const wait = response.header("retry-after");
  return `${wait === undefined ? "wait" : `wait (the registry says: ${clean(wait)})`}${request.isAuthenticated ? "" : `, or ${login}`}`;
}

function rootMessage(error: unknown): string {
  let at = error;
  while (at instanceof Error && at.cause instanceof Error) at = at.cause;
  if (at instanceof AggregateError && at.errors[0] instanceof Error) at = at.errors[0];
  return at instanceof Error ? clean(at.message || String((at as NodeJS.ErrnoException).code ?? at.name)) : clean(String(at));
}

function hintForConnection(error: unknown, url: URL): string | undefined {
  const message = rootMessage(error);
  if (/certificate|self.signed|CERT_/i.test(message))
    return "name the CA's certificate in NODE_EXTRA_CA_CERTS, or call the registry insecure if you mean it";
  if (/wrong version number|packet length/i.test(message))
    return `${url.host} speaks plain http; call the registry insecure if you mean it`;
  if (/ECONNREFUSED/.test(message)) return "check that the registry runs there, and its port";
  if (/ENOTFOUND|EAI_AGAIN/.test(message)) return "check the name of the registry and the network";
  return undefined;
}
