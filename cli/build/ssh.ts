import { statSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { TsbuildError } from "../../base/errors.js";
import type { SshSource } from "../../worker/types.js";

export interface SshSurroundings {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The build context is a repository reached by ssh: then the agent need not be named. */
  readonly isWanted?: boolean | undefined;
}

/**
 * Reads --ssh flags: `default` or another id for the agent of SSH_AUTH_SOCK, `id=SOCKET`, `id=KEYFILE[,KEYFILE…]`.
 * @throws {TsbuildError} USAGE; SSH_AGENT, SSH_KEY when the agent, socket or file isn't there
 */
export function parseSsh(texts: readonly string[], around: SshSurroundings): ReadonlyMap<string, SshSource> {
  const sources = new Map<string, SshSource>();
  for (const text of texts) {
    const [id, source] = parseOne(text, around);
    if (sources.has(id)) throw new TsbuildError("USAGE", `--ssh ${id} is given twice`);
    sources.set(id, source);
  }
  const socket = around.env["SSH_AUTH_SOCK"];
  if (around.isWanted === true && texts.length === 0 && socket !== undefined && socket !== "")
    sources.set("default", { type: "socket", path: resolve(around.cwd, socket) });
  return sources;
}

function parseOne(text: string, around: SshSurroundings): readonly [id: string, source: SshSource] {
  const equals = text.indexOf("=");
  const id = equals < 0 ? text : text.slice(0, equals);
  if (id === "" || /[\s,]/.test(id)) throw usage(text, "has no id");
  const paths =
    equals < 0
      ? []
      : text
          .slice(equals + 1)
          .split(",")
          .filter((path) => path !== "");
  if (paths.some((path) => path.startsWith("raw=")))
    throw usage(text, "can't pass a raw socket", "only agents, which are filtered, and keys");
  return [
    id,
    paths.length === 0
      ? callersAgent(id, around)
      : sourceOf(
          text,
          paths.map((path) => fullPath(path, around.cwd)),
        ),
  ];
}

function callersAgent(id: string, { cwd, env }: SshSurroundings): SshSource {
  const socket = env["SSH_AUTH_SOCK"];
  if (socket !== undefined && socket !== "") return { type: "socket", path: resolve(cwd, socket) };
  throw new TsbuildError("SSH_AGENT", `--ssh ${id} takes the agent of SSH_AUTH_SOCK, and that variable is not set`, {
    hint: `start one (eval "$(ssh-agent)"; ssh-add), or give a key: --ssh ${id}=FILE`,
  });
}

function sourceOf(text: string, paths: readonly string[]): SshSource {
  const kinds = paths.map((path) => kindOf(text, path));
  const [first = ""] = paths;
  if (!kinds.includes("socket")) return { type: "keys", paths };
  if (paths.length > 1) throw usage(text, "has a socket among others");
  return { type: "socket", path: first };
}

function kindOf(text: string, path: string): "socket" | "key" {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) throw new TsbuildError("SSH_KEY", `--ssh "${text}": ${path} does not exist`);
  if (stats.isSocket()) return "socket";
  if (stats.isFile()) return "key";
  throw new TsbuildError("SSH_KEY", `--ssh "${text}": ${path} is neither a key's file nor an agent's socket`);
}

function fullPath(path: string, cwd: string): string {
  return path.startsWith("~/") ? join(homedir(), path.slice(2)) : resolve(cwd, path);
}

function usage(text: string, problem: string, hint: string = "write default, id=SOCKET or id=KEYFILE[,KEYFILE…]"): TsbuildError {
  return new TsbuildError("USAGE", `--ssh "${text}" ${problem}`, { hint });
}
