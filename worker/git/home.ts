/** Git's home for a build: empty but for the certificates that tsbuild was told of. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { GitConfig } from "./command.js";

const SYSTEM_BUNDLES = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"] as const;

/**
 * Node adds NODE_EXTRA_CA_CERTS to those of the system, git takes one file for all: both in one are put into `home`.
 * Nothing when the caller has told git itself.
 */
export function certificateConfig(home: string, env: Readonly<Record<string, string | undefined>>): GitConfig {
  const extra = env["TSBUILD_EXTRA_CA_CERTS"] ?? env["NODE_EXTRA_CA_CERTS"];
  if (extra === undefined || extra === "" || env["GIT_SSL_CAINFO"] !== undefined || !existsSync(extra)) return [];
  const system = SYSTEM_BUNDLES.find((path) => existsSync(path));
  const path = join(home, "certificates.pem");
  writeFileSync(path, [...(system === undefined ? [] : [system]), extra].map((file) => readFileSync(file, "utf8")).join("\n"));
  return [["http.sslCAInfo", path]];
}
