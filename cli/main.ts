/** Where the program begins: finds the command, loads only that, prints what it throws, exits. */
import { statSync } from "node:fs";
import { join, resolve } from "node:path";
import { messageOf, TsbuildError } from "../base/errors.js";
import { type Command, COMMANDS } from "./commands.js";
import type { CommandContext } from "./context.js";
import { type Invocation, parseInvocation } from "./dispatch.js";
import { type CommandKind, failureExitCode, signalExitCode, usageExitCode } from "./exit-codes.js";
import { FdWriter } from "./fd-writer.js";
import { checkNode, checkPrivilege } from "./requirements.js";
import { Interrupted, SignalWatch } from "./signals.js";

const DEFAULT_ROOT = "/var/lib/tsbuild";
const LAST_WORDS_MS = 1000;

const signals = new SignalWatch((signal) => process.exit(signalExitCode(signal)));
const stdout = new FdWriter(1);
const stderr = new FdWriter(2);

// An error that nobody awaited: Node's own words for it would be the source line of a bundle.
for (const event of ["uncaughtException", "unhandledRejection"]) {
  process.on(event, (error: unknown) => void report(error, { kind: "build", isDebug: process.env["TSBUILD_DEBUG"] === "1" }).then(exit));
}
void main(process.argv.slice(2)).then(exit);

/** A reader that has stopped must not keep a program alive that was told to end. */
async function exit(code: number): Promise<never> {
  const flushed = Promise.all([stdout.flush(), stderr.flush()]);
  await (signals.cancelled.aborted ? Promise.race([flushed, new Promise((done) => setTimeout(done, LAST_WORDS_MS))]) : flushed);
  process.exit(code);
}

async function main(argv: readonly string[]): Promise<number> {
  let kind: CommandKind = "build";
  let isDebug = process.env["TSBUILD_DEBUG"] === "1";
  try {
    checkNode(process.versions.node);
    const invocation = parseInvocation(argv, [...COMMANDS.keys()], isContext);
    if (invocation.type === "help") return await printHelp();
    isDebug ||= invocation.isDebug;
    if (isDebug) process.setSourceMapsEnabled(true);
    const command = commandOf(invocation.name);
    kind = command.kind;
    if (command.needsRoot && !asksForHelp(invocation.args)) checkPrivilege();
    return await (await command.load()).run(invocation.args, contextOf(invocation));
  } catch (error) {
    return report(error, { kind, isDebug });
  }
}

function commandOf(name: string): Command {
  const command = COMMANDS.get(name);
  if (command === undefined) throw new Error(`Internal error: no command ${name}`);
  return command;
}

function contextOf({ root }: Extract<Invocation, { type: "command" }>): CommandContext {
  const chosen = root ?? (process.env["TSBUILD_ROOT"] || DEFAULT_ROOT);
  return { root: resolve(chosen), cwd: currentFolder(), env: process.env, stdout, stderr, signal: signals.cancelled, signals };
}

/** @throws {TsbuildError} CURRENT_FOLDER_MISSING */
function currentFolder(): string {
  try {
    return process.cwd();
  } catch (cause) {
    throw new TsbuildError("CURRENT_FOLDER_MISSING", "the current folder does not exist any more", { cause, hint: "cd to one that does" });
  }
}

/** Up to `--`, since what follows may belong to a container. */
function asksForHelp(args: readonly string[]): boolean {
  const end = args.indexOf("--");
  return args.slice(0, end === -1 ? args.length : end).includes("--help");
}

/** What may stand alone after `tsbuild` as the folder to build. */
function isContext(word: string): boolean {
  if (word.includes("/") || word === "." || word === "..") return true;
  return statSync(join(currentFolder(), word), { throwIfNoEntry: false })?.isDirectory() === true;
}

async function printHelp(): Promise<number> {
  const { overview } = await import("./help.js");
  stdout.write(overview(COMMANDS));
  return 0;
}

/** Prints an error and says with which code to exit. */
async function report(error: unknown, { kind, isDebug }: { readonly kind: CommandKind; readonly isDebug: boolean }): Promise<number> {
  const interrupted = interruption(error);
  if (interrupted !== undefined) {
    stderr.write(`${messageOf(interrupted)}\n`);
    return signalExitCode(interrupted.signal);
  }
  const { renderError } = await import("./render/error.js");
  stderr.write(renderError(error, { isDebug }));
  return error instanceof TsbuildError && error.code === "USAGE" ? usageExitCode(kind) : failureExitCode(kind);
}

/** The signal that made the command fail. An error that names something else is told even then. */
function interruption(error: unknown): Interrupted | undefined {
  if (error instanceof Interrupted) return error;
  const { aborted, reason }: { aborted: boolean; reason: unknown } = signals.cancelled;
  const isAbort = error instanceof Error && (error.name === "AbortError" || error.name === "Interrupted");
  return aborted && isAbort && reason instanceof Interrupted ? reason : undefined;
}
