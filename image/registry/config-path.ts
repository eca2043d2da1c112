import { homedir } from "node:os";
import { join } from "node:path";

/** Docker's configuration: `$DOCKER_CONFIG/config.json`, or the one in the home directory. */
export function dockerConfigPath(env: Readonly<Record<string, string | undefined>>): string {
  const folder = env["DOCKER_CONFIG"];
  return join(folder === undefined || folder === "" ? join(env["HOME"] || homedir(), ".docker") : folder, "config.json");
}
