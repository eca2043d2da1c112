/** What a build may use to be let in: tokens for https, an agent for ssh. Never in arguments, never in messages. */
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { TsbuildError } from "../../base/errors.js";
import { secretContent } from "../secret-content.js";
import type { SecretSource } from "../types.js";
import { findProgram, type GitConfig } from "./command.js";
import { type GitRemote, shownRemote } from "./remote.js";

export interface GitAccess {
  readonly config: GitConfig;
  readonly env: Readonly<Record<string, string>>;
  readonly secrets: readonly string[];
}

export interface AccessOptions {
  /** The host of the address that the user wrote: secrets that name no host are for it, not for what a repository's submodules name. */
  readonly trustedHost: string;
  readonly secrets: ReadonlyMap<string, SecretSource>;
  /** The path of the socket of the build's agent; undefined: it was given none. */
  readonly agent: () => Promise<string | undefined>;
}

const NONE: GitAccess = { config: [], env: {}, secrets: [] };

/** @throws {TsbuildError} GIT_SSH_AGENT, GIT_KNOWN_HOSTS, SSH_MISSING */
export async function accessTo(remote: GitRemote, options: AccessOptions): Promise<GitAccess> {
  switch (remote.transport) {
    case "https":
    case "http":
      return webAccess(remote, options);
    case "ssh":
      return sshAccess(remote, await options.agent());
    default:
      return NONE;
  }
}

/**
 * `GIT_AUTH_HEADER` is the whole Authorization header, `GIT_AUTH_TOKEN` a token; with `.HOST` behind the name they are for that host
 * alone and go first. Both are for https; over plain http they are sent only to this machine.
 */
function webAccess(remote: GitRemote, options: AccessOptions): GitAccess {
  if (remote.transport === "http" && !isLocal(remote.host)) return NONE;
  const authorization = authorizationFor(remote, options);
  if (authorization === undefined) return NONE;
  const origin = `${remote.transport}://${remote.host}/`;
  return {
    config: [
      [`http.${origin}.extraHeader`, `Authorization: ${authorization}`],
      // The header would go along to wherever the server points.
      ["http.followRedirects", "false"],
    ],
    env: {},
    secrets: [authorization, ...authorization.split(" ").slice(1)],
  };
}

function authorizationFor({ host, credentials }: GitRemote, { secrets, trustedHost }: AccessOptions): string | undefined {
  const read = (id: string): string | undefined => {
    const source = secrets.get(id);
    const text = source === undefined ? undefined : secretContent(id, source)?.toString("utf8").trim();
    return text === "" ? undefined : text;
  };
  const suffixes = [`.${host}`, `.${host.replace(/:\d+$/, "")}`, ...(host === trustedHost ? [""] : [])];
  for (const suffix of suffixes) {
    const header = read(`GIT_AUTH_HEADER${suffix}`);
    if (header !== undefined) return oneLine(header, `GIT_AUTH_HEADER${suffix}`);
    const token = read(`GIT_AUTH_TOKEN${suffix}`);
    if (token !== undefined) return basic(`x-access-token:${token}`);
  }
  return credentials === undefined ? undefined : basic(credentials);
}

function basic(userAndPassword: string): string {
  return `Basic ${Buffer.from(userAndPassword).toString("base64")}`;
}

function oneLine(header: string, id: string): string {
  if (!/[\u0000-\u001f\u007f]/.test(header)) return header;
  throw new TsbuildError("GIT_AUTH", `the secret ${id} has more than one line`, { hint: "it is the value of one Authorization header" });
}

function isLocal(host: string): boolean {
  return /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])(?::\d+)?$/.test(host);
}

function sshAccess(remote: GitRemote, socket: string | undefined): GitAccess {
  if (socket === undefined) {
    throw new TsbuildError("GIT_SSH_AGENT", `the git repository ${shownRemote(remote.url)} is reached by ssh, which needs a key`, {
      hint: "give the build your agent with --ssh default, or a key with --ssh default=FILE",
    });
  }
  return {
    config: [],
    env: { GIT_SSH_COMMAND: sshCommand(findProgram("ssh", "openssh-client")), GIT_SSH_VARIANT: "ssh", SSH_AUTH_SOCK: socket },
    secrets: [],
  };
}

/** Nothing of the caller's ssh configuration: it may run commands. Only host keys that are known already are trusted. */
function sshCommand(ssh: string): string {
  const files = [join(homedir(), ".ssh/known_hosts"), join(homedir(), ".ssh/known_hosts2")].filter((path) => existsSync(path));
  const options = [
    "BatchMode=yes",
    "StrictHostKeyChecking=yes",
    `UserKnownHostsFile=${files.length === 0 ? "/dev/null" : files.map((path) => `"${path}"`).join(" ")}`,
    "GlobalKnownHostsFile=/etc/ssh/ssh_known_hosts",
    "IdentityFile=none",
    "ForwardAgent=no",
    "ClearAllForwardings=yes",
    "PermitLocalCommand=no",
    "UpdateHostKeys=no",
    "ConnectTimeout=30",
  ];
  return [ssh, "-F", "/dev/null", ...options.flatMap((option) => ["-o", option])].map(shellWord).join(" ");
}

/** git gives the line to a shell. */
function shellWord(text: string): string {
  return /^[A-Za-z0-9_./=-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
