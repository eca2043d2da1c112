/** A real ssh-agent for keys that were given as files. It holds them as long as the build. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, constants, fstatSync, openSync, readFileSync } from "node:fs";
import { basename, dirname } from "node:path";
import { TsbuildError, isErrno } from "../../base/errors.js";
import { findProgram } from "../git/command.js";

const MAX_KEY_BYTES = 100 * 1024;
/** Prints the agent's process id, then lives as long as we do: the agent ends itself when this has ended. */
const GUARD = 'echo "$SSH_AGENT_PID"; exec cat >/dev/null';

/**
 * Starts the agent with its socket at `socket` and adds the keys. Disposing ends it.
 * @throws {TsbuildError} SSH_MISSING, SSH_KEY, SSH_AGENT
 */
export async function startKeyAgent(socket: string, id: string, keyFiles: readonly string[]): Promise<AsyncDisposable> {
  const keys = keyFiles.map((path) => ({ path, content: readKey(id, path) }));
  const program = findProgram("ssh-agent", "openssh-client");
  const guard = spawn(program, ["-a", socket, "/bin/sh", "-c", GUARD], { cwd: dirname(socket), env: ENV, stdio: ["pipe", "pipe", "pipe"] });
  guard.stdin.on("error", () => undefined);
  const pid = await agentPid(guard);
  const agent = { [Symbol.asyncDispose]: () => endAgent(guard, pid) };
  try {
    for (const { path, content } of keys) await addKey(socket, { id, path, content });
    return agent;
  } catch (error) {
    await agent[Symbol.asyncDispose]();
    throw error;
  }
}

/** No display and no terminal: nobody is asked for a passphrase. */
const ENV = { PATH: "/usr/local/bin:/usr/bin:/bin", LC_ALL: "C", SSH_ASKPASS_REQUIRE: "never" } as const;

/** A regular file, and not without end. */
function readKey(id: string, path: string): Buffer {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (!isErrno(error, "ENOENT", "EACCES", "ENOTDIR", "ENXIO")) throw error;
    throw new TsbuildError("SSH_KEY", `the key of --ssh ${id} can't be read: ${path}`, { cause: error });
  }
  try {
    const facts = fstatSync(fd);
    if (!facts.isFile() || facts.size > MAX_KEY_BYTES)
      throw new TsbuildError("SSH_KEY", `--ssh ${id}: ${path} is no private key`, {
        hint: "give a private key's file, or the socket of an agent",
      });
    return readFileSync(fd);
  } finally {
    closeSync(fd);
  }
}

async function agentPid(guard: ChildProcess): Promise<number> {
  let text = "";
  let problem = "";
  guard.stderr?.on("data", (chunk: Buffer) => (problem += chunk.toString("utf8").slice(0, 1000)));
  const failure = new Promise<never>((_, reject) => {
    guard.once("error", reject);
    guard.once("close", () => reject(new TsbuildError("SSH_AGENT", `ssh-agent could not be started: ${problem.trim()}`)));
  });
  failure.catch(() => undefined);
  const started = (async (): Promise<number> => {
    for await (const chunk of guard.stdout ?? []) {
      text += String(chunk);
      if (text.includes("\n")) return Number(text);
    }
    return failure;
  })();
  const pid = await Promise.race([started, failure]);
  if (!Number.isInteger(pid) || pid <= 1) throw new Error("Internal error: ssh-agent did not say its process id");
  return pid;
}

async function endAgent(guard: ChildProcess, pid: number): Promise<void> {
  try {
    process.kill(pid, "SIGTERM");
  } catch (error) {
    if (!isErrno(error, "ESRCH")) throw error;
  }
  if (guard.exitCode !== null || guard.signalCode !== null) return;
  const ended = once(guard, "close");
  guard.stdin?.end();
  await ended;
}

interface Key {
  readonly id: string;
  readonly path: string;
  readonly content: Buffer;
}

/** By standard input: who may read the file is not ssh-add's business. */
async function addKey(socket: string, { id, path, content }: Key): Promise<void> {
  const program = findProgram("ssh-add", "openssh-client");
  const child = spawn(program, ["-q", "-"], { env: { ...ENV, SSH_AUTH_SOCK: socket }, detached: true, stdio: ["pipe", "ignore", "pipe"] });
  let said = "";
  child.stderr.on("data", (chunk: Buffer) => (said += chunk.toString("utf8").slice(0, 1000)));
  child.stdin.on("error", () => undefined);
  child.stdin.end(content);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  if (code === 0) return;
  const isEncrypted = isEncryptedKey(content) || /passphrase/i.test(said);
  throw new TsbuildError(
    "SSH_KEY",
    `--ssh ${id}: ${path} ${isEncrypted ? "is encrypted: its passphrase can't be asked for" : `can't be used as a key${firstLine(said)}`}`,
    {
      hint: isEncrypted
        ? `add it to your agent (ssh-add ${basename(path)}) and give that: --ssh ${id}`
        : "give a private key in OpenSSH's or PEM format, or the socket of an agent",
    },
  );
}

/** openssh-key-v1: the cipher's name stands first, `none` for a plain key. */
function isEncryptedKey(content: Buffer): boolean {
  const text = content.toString("latin1");
  if (/ENCRYPTED/.test(text)) return true;
  const body = /-----BEGIN OPENSSH PRIVATE KEY-----([\s\S]*?)-----END/.exec(text)?.[1];
  if (body === undefined) return false;
  const bytes = Buffer.from(body.replace(/\s/g, ""), "base64");
  const start = "openssh-key-v1\0".length;
  return bytes.length > start + 8 && bytes.subarray(start + 4, start + 8).toString("latin1") !== "none";
}

function firstLine(text: string): string {
  const line = (text.trim().split("\n", 1)[0] ?? "").replace(/[\u0000-\u001f]/g, " ");
  return line === "" ? "" : `: ${line}`;
}
