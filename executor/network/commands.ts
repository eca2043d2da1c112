/** Runs ip(8), nft(8) and their kin. */
import { spawn } from "node:child_process";
import { TsbuildError } from "../../base/errors.js";
import { PROGRAM_ENVIRONMENT, requireProgram } from "../runtime.js";

const PACKAGES: Readonly<Record<string, string>> = { ip: "iproute2", nft: "nftables", unshare: "util-linux", "firewall-cmd": "firewalld" };

/** The program ran and said no. `stderr` is what it said. */
export class CommandError extends TsbuildError {
  readonly stderr: string;

  constructor(command: string, stderr: string, exit: number | string) {
    super("NETWORK_COMMAND_FAILED", `${command} failed (${exit}): ${stderr.trim() === "" ? "no message" : stderr.trim()}`);
    this.stderr = stderr;
  }
}

/**
 * Feeds `input` to the program and returns its stdout.
 * @throws {CommandError} with what it said; {TsbuildError} PROGRAM_MISSING with the package to install
 */
export async function command(name: string, args: readonly string[], input: string = ""): Promise<string> {
  const child = spawn(requireProgram(name, PACKAGES[name] ?? name), [...args], {
    env: PROGRAM_ENVIRONMENT,
    cwd: "/",
    stdio: ["pipe", "pipe", "pipe"],
  });
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => out.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => err.push(chunk));
  // A program that ends before it has read everything says why on stderr.
  child.stdin.on("error", () => undefined);
  child.stdin.end(input);
  const exit = await new Promise<number | string>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => resolve(code ?? signal ?? "unknown"));
  });
  if (exit !== 0) throw new CommandError(name, Buffer.concat(err).toString("utf8"), exit);
  return Buffer.concat(out).toString("utf8");
}

/** All lines in one process; the first that fails ends it. */
export async function ipBatch(lines: readonly string[]): Promise<void> {
  await command("ip", ["-batch", "-"], `${lines.join("\n")}\n`);
}

/** All or nothing. */
export async function nftBatch(lines: readonly string[]): Promise<void> {
  await command("nft", ["-f", "-"], `${lines.join("\n")}\n`);
}

/** The JSON listing of `args`; the objects of its `nftables` array. */
export async function nftList(...args: readonly string[]): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const parsed: unknown = JSON.parse(await command("nft", ["-j", ...args]));
  if (!isObject(parsed) || !Array.isArray(parsed["nftables"])) throw new Error("Internal error: nft -j gives no list");
  return parsed["nftables"].filter(isObject);
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
