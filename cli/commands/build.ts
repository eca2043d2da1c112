import type { EventSink } from "../../base/events.js";
import type { Store } from "../../cache/store.js";
import { familiarName, parseReference } from "../../image/reference.js";
import type { BuildRequest, BuildResult } from "../../worker/types.js";
import type { DockerfileCheck } from "../../worker/check.js";
import type { CheckCall, DescribeCall } from "../build/call.js";
import { type BuildFlags, parseBuildFlags } from "../build/flags.js";
import { checkStdout } from "../build/output.js";
import { loadInputs, type LoadedInputs, remoteInputs } from "../build/remote-inputs.js";
import { buildRequest, gitInputs } from "../build/request.js";
import { writeResultFiles } from "../build/result-files.js";
import type { CommandContext } from "../context.js";
import { createDisplay, type ProgressMode, progressMode } from "../render/display.js";
import { FailureWatch } from "../render/failure.js";

/** Builds. The image ID is printed on stdout with --quiet, on stderr otherwise. */
export async function run(args: readonly string[], context: CommandContext): Promise<number> {
  const flags = parseBuildFlags(args);
  if (typeof flags === "string") {
    context.stdout.write(flags);
    return 0;
  }
  const mode = progressMode(flags.progress ?? context.env["BUILDKIT_PROGRESS"], {
    isQuiet: flags.quiet,
    isTerminal: context.stderr.isTerminal,
  });
  if (flags.call.method === "check") return await check(flags, flags.call, mode, context);
  if (flags.call.method !== "build") return await describe(flags, flags.call, mode, context);
  const result = await withRequest(flags, mode, context, async (store, request) =>
    (await import("../../worker/build.js")).build(store, request, context.signal),
  );
  writeResultFiles(result, flags, context.cwd);
  announce(result, { flags, mode, context });
  return 0;
}

/** Prints what the checks found on stdout. The code is 1 when that is anything, as buildx has it. */
async function check(flags: BuildFlags, call: CheckCall, mode: ProgressMode, context: CommandContext): Promise<number> {
  const found = await withRequest(flags, mode, context, async (store, request) =>
    (await import("../../worker/check.js")).checkBuild(store, request, context.signal),
  );
  context.stdout.write(await rendered(found, call.format));
  if (found.error !== undefined && call.format === "text") throw found.error;
  return !call.ignoresStatus && (found.warnings.length > 0 || found.error !== undefined) ? 1 : 0;
}

async function rendered(found: DockerfileCheck, format: CheckCall["format"]): Promise<string> {
  if (format === "sarif") return (await import("../render/sarif.js")).checkSarif(found);
  const { checkJson, checkText } = await import("../render/check.js");
  return format === "json" ? checkJson(found) : checkText(found);
}

/** Prints what the Dockerfile offers on stdout. */
async function describe(flags: BuildFlags, { method, format }: DescribeCall, mode: ProgressMode, context: CommandContext): Promise<number> {
  const render = await import("../render/describe.js");
  const text = await withRequest(flags, mode, context, async (store, request) => {
    const { listTargets, outlineBuild } = await import("../../worker/check.js");
    if (method === "targets") {
      const targets = await listTargets(store, request, context.signal);
      return format === "json" ? render.targetsJson(targets) : render.targetsText(targets);
    }
    const outline = await outlineBuild(store, request, context.signal);
    return format === "json" ? render.outlineJson(outline) : render.outlineText(outline);
  });
  context.stdout.write(text);
  return 0;
}

/** Understands the flags, opens the store and shows what happens while `work` runs. */
async function withRequest<T>(
  flags: BuildFlags,
  mode: ProgressMode,
  { root, cwd, env, stdout, stderr, signal }: CommandContext,
  work: (store: Store, request: BuildRequest) => Promise<T>,
): Promise<T> {
  const display = createDisplay(mode, stderr);
  const failure = new FailureWatch();
  const events: EventSink = (event) => {
    display.onEvent(event);
    failure.onEvent(event);
  };
  const complete = (loaded?: LoadedInputs): BuildRequest => {
    const request = buildRequest(flags, { cwd, env, events }, loaded);
    checkStdout(request.outputs, { isTerminal: stdout.isTerminal, isQuiet: flags.quiet });
    return request;
  };
  try {
    const remote = remoteInputs(flags, {
      cwd,
      // Node makes a stream of it at the first look, which takes milliseconds.
      get stdin() {
        return process.stdin;
      },
    });
    // Before the store is opened, unless something has to be fetched into it first: wrong usage costs nothing.
    const local = remote === undefined ? complete() : undefined;
    const { openStore } = await import("../../worker/open-store.js");
    await using store = await openStore(root);
    const request =
      local ??
      complete(await loadInputs(remote ?? {}, { store, events, file: flags.file, git: () => gitInputs(flags, { cwd, env }) }, signal));
    return await work(store, request);
  } finally {
    display.finish();
    if (mode !== "rawjson") stderr.write(failure.text);
  }
}

function announce(
  result: BuildResult,
  { flags, mode, context }: { readonly flags: BuildFlags; readonly mode: ProgressMode; readonly context: CommandContext },
): void {
  const { imageId } = result;
  if (imageId === undefined || mode === "rawjson") return;
  if (flags.quiet) context.stdout.write(`${imageId}\n`);
  else if (mode !== "quiet") context.stderr.write(`Image ${imageId}${namesOf(flags)}\n`);
}

function namesOf(flags: BuildFlags): string {
  const names = flags.tag.map((tag) => familiarName(parseReference(tag)));
  return names.length === 0 ? "" : ` as ${names.join(", ")}`;
}
