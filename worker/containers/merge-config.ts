/** The image's config and what the user asks for, merged as `docker run` does. Pure. */
import { posix } from "node:path";
import { TsbuildError } from "../../base/errors.js";
import type { ContainerConfig as ImageDefaults } from "../../image/types.js";
import type { ContainerConfig, RunRequest } from "./types.js";

const DEFAULT_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const DEFAULT_STOP_SIGNAL = "SIGTERM";

export type MergeRequest = Pick<
  RunRequest,
  "command" | "entrypoint" | "env" | "user" | "workdir" | "labels" | "stopSignal" | "stopTimeoutSec" | "terminal" | "isInteractive"
> & { readonly exposed: readonly string[] };

/** @throws {TsbuildError} COMMAND_MISSING when neither the image nor the user names one; WORKDIR_INVALID */
export function mergeConfig(image: ImageDefaults, request: MergeRequest, hostname: string): ContainerConfig {
  const { entrypoint, command } = mergeCommand(image, request);
  const args = [...entrypoint, ...command];
  if (args.length === 0) {
    throw new TsbuildError("COMMAND_MISSING", "no command specified: the image has neither CMD nor ENTRYPOINT", {
      hint: "write the command behind the image's name",
    });
  }
  return {
    args,
    entrypoint,
    command,
    env: mergeEnv(image, request, hostname),
    user: nonEmpty(request.user) ?? image.User ?? "",
    workdir: workdirOf(nonEmpty(request.workdir) ?? nonEmpty(image.WorkingDir) ?? "/"),
    hostname,
    labels: { ...image.Labels, ...Object.fromEntries(request.labels) },
    stopSignal: request.stopSignal ?? nonEmpty(image.StopSignal) ?? DEFAULT_STOP_SIGNAL,
    ...(request.stopTimeoutSec === undefined ? {} : { stopTimeoutSec: request.stopTimeoutSec }),
    terminal: request.terminal,
    isInteractive: request.isInteractive,
    exposedPorts: [...new Set([...Object.keys(image.ExposedPorts ?? {}).map(withProtocol), ...request.exposed])],
    ...(image.Healthcheck === undefined ? {} : { healthcheck: image.Healthcheck }),
  };
}

/** A given entrypoint drops the image's command; a given command replaces only that. */
function mergeCommand(
  image: ImageDefaults,
  { entrypoint, command }: MergeRequest,
): { readonly entrypoint: readonly string[]; readonly command: readonly string[] } {
  if (entrypoint !== undefined) return { entrypoint, command };
  return { entrypoint: image.Entrypoint ?? [], command: command.length > 0 ? command : (image.Cmd ?? []) };
}

/** Docker's own first, the image's over them, the user's last. HOME comes from the image's passwd file, later. */
function mergeEnv(image: ImageDefaults, request: MergeRequest, hostname: string): readonly string[] {
  const own = [DEFAULT_PATH, `HOSTNAME=${hostname}`, ...(request.terminal ? ["TERM=xterm"] : [])];
  const variables = new Map<string, string>();
  for (const entry of [...own, ...(image.Env ?? []), ...request.env]) {
    const equals = entry.indexOf("=");
    if (equals === -1) variables.delete(entry);
    else variables.set(entry.slice(0, equals), entry);
  }
  return [...variables.values()];
}

function workdirOf(path: string): string {
  if (path.startsWith("/")) return posix.normalize(path);
  throw new TsbuildError("WORKDIR_INVALID", `the working directory "${path}" is invalid, it needs to be an absolute path`);
}

/** EXPOSE 80 means 80/tcp. */
function withProtocol(port: string): string {
  return port.includes("/") ? port : `${port}/tcp`;
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === "" ? undefined : text;
}
