import { isatty } from "node:tty";
import { TsbuildError } from "../../base/errors.js";
import type { CommandContext } from "../context.js";
import { renderError } from "../render/error.js";
import { neutralize } from "../render/text.js";
import { type RunFlags, parseRunFlags } from "../run/flags.js";
import { runRequest } from "../run/request.js";
import { SignalRelay } from "../run/signals.js";
import type { ExitStatus } from "../../executor/types.js";
import type { RunIo } from "../../worker/containers/types.js";

/** Runs a container in the foreground. The exit code is the command's; 125 to 127 when it could not be started. */
export async function run(args: readonly string[], context: CommandContext): Promise<number> {
  const flags = parseRunFlags(args);
  if (typeof flags === "string") {
    context.stdout.write(flags);
    return 0;
  }
  const { RuntimeError } = await import("../../executor/runtime-error.js");
  try {
    const exit = await perform(flags, context);
    if (exit.isOomKilled) context.stderr.write(`tsbuild: the container reached its memory limit, and the kernel killed a process of it\n`);
    return exit.code;
  } catch (error) {
    if (!(error instanceof RuntimeError)) throw error;
    context.stderr.write(renderError(error, { isDebug: false }));
    return error.exitCode;
  }
}

async function perform(flags: RunFlags, context: CommandContext): Promise<ExitStatus> {
  const request = runRequest(flags, context);
  checkTerminal(flags);
  const relay = new SignalRelay(context.signals);
  const io: RunIo = {
    stdin: flags.isInteractive ? "inherit" : "null",
    onNotice: (line) => {
      if (!flags.quiet) context.stderr.write(`${neutralize(line)}\n`);
    },
    onStarting: () => {
      if (flags.sigProxy) relay.starting();
    },
    onStarted: (running) => relay.started(running),
  };
  const { openStore } = await import("../../worker/open-store.js");
  const { runContainer } = await import("../../worker/containers/run.js");
  await using store = await openStore(context.root);
  return await runContainer(store, request, io, AbortSignal.any([context.signal, relay.aborted]));
}

/** A command that waits for keys would wait for ever. */
function checkTerminal({ terminal, isInteractive }: RunFlags): void {
  if (terminal && isInteractive && !isatty(0))
    throw new TsbuildError("TERMINAL_MISSING", "the input device is not a TTY", { hint: "leave -t out" });
}
