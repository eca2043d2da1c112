/** Proxies that Docker's config.json has for builds (`proxies.default`): they are build arguments that nobody has to give. */
import type { EventSink } from "../../base/events.js";
import { isErrno, messageOf } from "../../base/errors.js";
import { readRegularText } from "../../base/read-regular.js";
import { dockerConfigPath } from "../../image/registry/config-path.js";

const VARIABLES: Readonly<Record<string, string>> = {
  httpProxy: "HTTP_PROXY",
  httpsProxy: "HTTPS_PROXY",
  ftpProxy: "FTP_PROXY",
  noProxy: "NO_PROXY",
  allProxy: "ALL_PROXY",
};
const MAX_CONFIG_BYTES = 1024 * 1024;

/** By variable, upper case. A file that can't be read is told and left alone: a build may need nothing of it. */
export function configuredProxies(env: Readonly<Record<string, string | undefined>>, events: EventSink): ReadonlyMap<string, string> {
  const path = dockerConfigPath(env);
  try {
    return proxiesOf(JSON.parse(readRegularText(path, MAX_CONFIG_BYTES)));
  } catch (error) {
    if (!isErrno(error, "ENOENT", "ENOTDIR"))
      events({ type: "note", message: `${path} can't be read, so no proxies are taken from it: ${messageOf(error)}` });
    return new Map();
  }
}

function proxiesOf(config: unknown): ReadonlyMap<string, string> {
  const proxies = field(field(config, "proxies"), "default");
  return new Map(
    Object.entries(VARIABLES).flatMap(([key, name]): [string, string][] => {
      const value = field(proxies, key);
      return typeof value === "string" && value !== "" ? [[name, value]] : [];
    }),
  );
}

function field(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? Object.entries(value).find(([key]) => key === name)?.[1] : undefined;
}
