import { createInterface } from "node:readline";
import { Option } from "commander";
import { TsbuildError } from "../../base/errors.js";
import type { PruneOptions } from "../../cache/prune.js";
import type { CommandContext } from "../context.js";
import { pruneQuestion, pruneReport } from "../images/prune-text.js";
import { parseFilters, parseTime } from "../values/filters.js";
import { flagParser, parseFlags, repeated, strings } from "../values/flags.js";
import { parseSize } from "../values/numbers.js";

interface PruneFlags extends PruneOptions {
  readonly all: boolean;
  readonly dryRun: boolean;
  readonly force: boolean;
}

/** What was removed and how much that freed, on stdout. */
export async function run(args: readonly string[], { root, stdout, stderr, signal }: CommandContext): Promise<number> {
  const flags = parse(args);
  if (typeof flags === "string") {
    stdout.write(flags);
    return 0;
  }
  if (!flags.force && !flags.dryRun) {
    stderr.write(pruneQuestion(flags));
    if (!(await isYes(signal))) throw new TsbuildError("PRUNE_CANCELLED", "prune has been cancelled", { hint: "--force doesn't ask" });
  }
  const { openStore } = await import("../../worker/open-store.js");
  const { prune } = await import("../../cache/prune.js");
  await using store = await openStore(root);
  stdout.write(pruneReport(await prune(store, flags), flags));
  return 0;
}

/** The first line of stdin is `y` or `yes`; its end means no. */
async function isYes(signal: AbortSignal): Promise<boolean> {
  const lines = createInterface({ input: process.stdin, signal });
  for await (const line of lines) {
    lines.close();
    return /^y(es)?$/i.test(line.trim());
  }
  signal.throwIfAborted();
  return false;
}

function parse(args: readonly string[]): PruneFlags | string {
  const program = flagParser("prune")
    .usage("[flags]")
    .description(
      "Removes images without a name and build cache that no image, container or running build needs. Volumes and the build history stay.",
    )
    .addOption(new Option("-a, --all", "also named images that no container uses, and the whole build cache"))
    .addOption(repeated("--filter <name=value>", "until=24h: only what was not used since; may be repeated"))
    .addOption(new Option("--keep-storage <size>", "stop when layers and blobs take no more than this"))
    .addOption(new Option("--dry-run", "only say what would go"))
    .addOption(new Option("-f, --force", "don't ask"));
  const help = parseFlags(program, args);
  if (help !== undefined) return help;
  const given: Readonly<Record<string, unknown>> = program.opts();
  const until = parseFilters(strings(given["filter"]), ["until"]).get("until")?.at(-1);
  const keep = given["keepStorage"];
  return {
    all: given["all"] === true,
    dryRun: given["dryRun"] === true,
    force: given["force"] === true,
    ...(until === undefined ? {} : { untilMs: parseTime("--filter until", until, Date.now()) }),
    ...(typeof keep === "string" ? { keepBytes: parseSize("--keep-storage", keep) } : {}),
  };
}
