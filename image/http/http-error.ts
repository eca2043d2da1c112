/** What can go wrong with a file behind an address, in words: the address without its credentials, and the status. */
import { STATUS_CODES } from "node:http";
import { TsbuildError } from "../../base/errors.js";
import { redactedUrl } from "../registry/registry-error.js";

/** @param reason goes on behind "can't fetch URL: " */
export function fetchError(
  url: URL,
  code: string,
  reason: string,
  details: { readonly hint?: string | undefined; readonly cause?: unknown } = {},
): TsbuildError {
  return new TsbuildError(code, `can't fetch ${redactedUrl(url)}: ${reason}`, details);
}

/** For an answer that isn't the file. `asked` is what the user wrote, `answered` where redirects ended. */
export function statusError(asked: URL, answered: URL, status: number): TsbuildError {
  const place = redactedUrl(answered) === redactedUrl(asked) ? "the server" : `${answered.host}, where it redirects to,`;
  const words = STATUS_CODES[status];
  return fetchError(asked, "HTTP_STATUS", `${place} answers ${status}${words === undefined ? "" : ` ${words}`}`, { hint: hintFor(status) });
}

function hintFor(status: number): string | undefined {
  if (status === 404 || status === 410) return "check the address: there is no such file";
  if (status === 401 || status === 403) return "the server wants credentials for this file";
  return status >= 500 ? "the server has a fault; try again later" : undefined;
}

/** No answer, or one that broke off. */
export function connectionError(url: URL, error: unknown): TsbuildError {
  if (error instanceof TsbuildError) return error;
  const reason = rootReason(error);
  const hint = /certificate|self.signed|CERT_/i.test(reason) ? "name the CA's certificate in NODE_EXTRA_CA_CERTS" : undefined;
  return fetchError(url, "HTTP_UNREACHABLE", `no whole answer from ${url.host}: ${reason}`, { cause: error, hint });
}

function rootReason(error: unknown): string {
  let at = error;
  while (at instanceof Error && at.cause instanceof Error) at = at.cause;
  if (at instanceof AggregateError && at.errors[0] instanceof Error) at = at.errors[0];
  return at instanceof Error ? at.message || at.name : String(at);
}
