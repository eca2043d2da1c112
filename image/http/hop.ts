/** Where a request may go: checked for the first address and for each redirect. Pure. */
import { TsbuildError } from "../../base/errors.js";
import { isLinkLocal } from "../registry/hosts.js";
import { redirectTarget } from "../registry/redirect.js";
import { fetchError } from "./http-error.js";

/** Names by which clouds hand out the machine's credentials. They resolve to link-local addresses on these clouds only. */
const METADATA_NAMES: ReadonlySet<string> = new Set([
  "metadata.google.internal",
  "metadata.goog",
  "instance-data",
  "instance-data.ec2.internal",
]);

/**
 * An address as the user wrote it.
 * @throws {TsbuildError} HTTP_URL, HTTP_REFUSED
 */
export function parseAddress(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || (url.protocol !== "http:" && url.protocol !== "https:")) {
    throw new TsbuildError("HTTP_URL", `"${text}" is not an address that can be fetched`, {
      hint: "write http://HOST/PATH or https://HOST/PATH",
    });
  }
  refuseMetadata(url, url);
  return url;
}

/**
 * The next hop: never from https to http, to another scheme, to a metadata service, or from elsewhere to this machine.
 * @throws {TsbuildError} HTTP_REFUSED
 */
export function nextHop(asked: URL, from: URL, location: string | undefined): URL {
  let to: URL;
  try {
    to = redirectTarget(from, location);
  } catch (error) {
    throw error instanceof TsbuildError ? fetchError(asked, "HTTP_REFUSED", error.message) : error;
  }
  refuseMetadata(asked, to);
  return to;
}

function refuseMetadata(asked: URL, to: URL): void {
  const isMetadata = isLinkLocal(to.hostname) || METADATA_NAMES.has(to.hostname.replace(/\.$/, ""));
  if (isMetadata)
    throw fetchError(
      asked,
      "HTTP_REFUSED",
      `${to.host} is a link-local address or a cloud's metadata service, and those are closed to builds`,
    );
}

/** Credentials in an address go to its own server only. */
export function authorizationFor(asked: URL, hop: URL): Readonly<Record<string, string>> {
  if ((asked.username === "" && asked.password === "") || hop.origin !== asked.origin) return {};
  const pair = `${decodeURIComponent(asked.username)}:${decodeURIComponent(asked.password)}`;
  return { authorization: `Basic ${Buffer.from(pair).toString("base64")}` };
}
