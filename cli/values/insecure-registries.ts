import { TsbuildError } from "../../base/errors.js";

const HOST = /^(?:[A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\])(?::\d{1,5})?$/;

/**
 * Registries that may be spoken to in plain HTTP, besides those of this machine: from --insecure-registry and from
 * TSBUILD_INSECURE_REGISTRIES, a list with commas.
 * @throws {TsbuildError} USAGE
 */
export function insecureRegistries(given: readonly string[], env: Readonly<Record<string, string | undefined>>): readonly string[] {
  const fromEnvironment = (env["TSBUILD_INSECURE_REGISTRIES"] ?? "").split(",").map((host) => host.trim());
  const hosts = [...given, ...fromEnvironment].filter((host) => host !== "");
  const wrong = hosts.find((host) => !HOST.test(host));
  if (wrong === undefined) return [...new Set(hosts)];
  throw new TsbuildError("USAGE", `--insecure-registry: "${wrong}" is not a host`, {
    hint: "write host or host:port, for example registry.lan:5000",
  });
}
