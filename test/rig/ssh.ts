/** A real ssh-agent, keys, and a root filesystem that has OpenSSH's tools. */
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { eventually, must, run, Running } from "./process.js";

export interface TestAgent extends AsyncDisposable {
  readonly socket: string;
  /** What `ssh-add -l` says. */
  list(): Promise<string>;
}

/** A key pair without passphrase unless one is given. Returns the path of the private one. */
export async function makeKey(path: string, passphrase: string = ""): Promise<string> {
  await must("ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-C", "test-key", "-f", path);
  return path;
}

export async function startAgent(socket: string, ...keys: readonly string[]): Promise<TestAgent> {
  const agent = new Running("ssh-agent", ["-D", "-a", socket]);
  await eventually(() => (existsSync(socket) ? true : undefined), 5000);
  for (const key of keys) await must("env", `SSH_AUTH_SOCK=${socket}`, "ssh-add", "-q", key);
  return {
    socket,
    list: () => must("env", `SSH_AUTH_SOCK=${socket}`, "ssh-add", "-l"),
    [Symbol.asyncDispose]: async () => {
      agent.killGroup("SIGTERM");
      await agent.ended;
    },
  };
}

/** Copies programs of this machine and the libraries they need into a folder, at their paths. */
export async function copyPrograms(folder: string, ...programs: readonly string[]): Promise<void> {
  const libraries = await Promise.all(
    programs.map(async (program) => [...(await run("ldd", [program])).stdout.matchAll(/\/\S+/g)].map(([path]) => path)),
  );
  for (const path of new Set([...programs, ...libraries.flat()])) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    copyFileSync(path, join(folder, path));
  }
}

/** The sshd of this machine (Debian: openssh-server), or the one that TSBUILD_TEST_SSHD names. */
export function sshdPath(): string | undefined {
  return [process.env["TSBUILD_TEST_SSHD"], "/usr/sbin/sshd"].find((path) => path !== undefined && existsSync(path));
}

export interface SshServer extends AsyncDisposable {
  readonly port: number;
  /** Its line in a file of known hosts. */
  readonly knownHost: string;
}

/** Lets root in with the key, on 127.0.0.1. All of it lies in `folder`. */
export async function startSshd(folder: string, publicKey: string): Promise<SshServer> {
  const port = 40000 + (process.pid % 20000);
  mkdirSync(folder);
  const hostKey = await makeKey(join(folder, "host"));
  copyFileSync(publicKey, join(folder, "authorized"));
  const options = [
    "ListenAddress=127.0.0.1",
    `Port=${port}`,
    `HostKey=${hostKey}`,
    `AuthorizedKeysFile=${join(folder, "authorized")}`,
    "PidFile=none",
    "UsePAM=no",
    "StrictModes=no",
    "PermitRootLogin=yes",
    "PasswordAuthentication=no",
    "KbdInteractiveAuthentication=no",
  ];
  const madeRunFolder = mkdirSync("/run/sshd", { recursive: true, mode: 0o755 }) !== undefined;
  const server = new Running(sshdPath() ?? "", ["-D", "-e", "-f", "/dev/null", ...options.flatMap((option) => ["-o", option])]);
  await server.until(({ stderr }) => stderr.includes("Server listening"));
  return {
    port,
    knownHost: `[127.0.0.1]:${port} ${readFileSync(`${hostKey}.pub`, "utf8")}`,
    [Symbol.asyncDispose]: async () => {
      server.killGroup("SIGTERM");
      await server.ended;
      if (madeRunFolder) rmdirSync("/run/sshd");
    },
  };
}
