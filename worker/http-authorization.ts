/** Secrets that are credentials for ADD of a URL, by BuildKit's names. */
import { secretContent } from "./secret-content.js";
import type { SecretSource } from "./types.js";

/**
 * `HTTP_AUTH_HEADER_<host>` holds the whole Authorization header, `HTTP_AUTH_TOKEN_<host>` a bearer token. The host may be given with
 * its port. Read when the host is asked for something.
 */
export function httpAuthorization(secrets: ReadonlyMap<string, SecretSource>): (url: URL) => string | undefined {
  const read = (id: string): string | undefined => {
    const source = secrets.get(id);
    return source === undefined ? undefined : secretContent(id, source)?.toString("utf8").trim();
  };
  return ({ host, hostname }) => {
    for (const name of new Set([host, hostname])) {
      const header = read(`HTTP_AUTH_HEADER_${name}`);
      if (header !== undefined) return header;
      const token = read(`HTTP_AUTH_TOKEN_${name}`);
      if (token !== undefined) return `Bearer ${token}`;
    }
    return undefined;
  };
}
