import { proxyVariables } from "./global-args.js";
import type { RunDefaults } from "./step.js";
import type { CompileRequest } from "./types.js";

const DEFAULT_HOSTNAME = "buildkitsandbox";

/** What the request says for every RUN. */
export function runDefaults({ network, allow, extraHosts, limits, buildArgs }: CompileRequest): RunDefaults {
  const hostname = buildArgs.get("BUILDKIT_SANDBOX_HOSTNAME");
  return {
    network,
    allow,
    extraHosts,
    limits,
    hostname: hostname === undefined || hostname === "" ? DEFAULT_HOSTNAME : hostname,
    cacheNamespace: buildArgs.get("BUILDKIT_CACHE_MOUNT_NS") ?? "",
    proxyEnv: proxyVariables(buildArgs),
  };
}
