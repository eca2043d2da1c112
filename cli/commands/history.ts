import { Option } from "commander";
import { openStore } from "../../worker/open-store.js";
import { requireImage } from "../../worker/store-commands/catalog.js";
import { layerSizes } from "../../worker/store-commands/size.js";
import type { CommandContext } from "../context.js";
import { HISTORY_HEADINGS, type HistoryOptions, historyRows } from "../images/history-rows.js";
import { flagParser, parseFlags } from "../values/flags.js";
import { renderListing } from "../values/listing.js";
import { parseBoolean } from "../values/numbers.js";

interface HistoryFlags extends Omit<HistoryOptions, "nowMs"> {
  readonly image: string;
  readonly format: string | undefined;
  readonly quiet: boolean;
}

export async function run(args: readonly string[], { root, stdout }: CommandContext): Promise<number> {
  const flags = parse(args);
  if (typeof flags === "string") {
    stdout.write(flags);
    return 0;
  }
  await using store = await openStore(root);
  const { image } = await requireImage(store, flags.image);
  const sizes = (await layerSizes(store, image)).map(({ bytes }) => bytes);
  const rows = historyRows({ image, sizes }, { ...flags, nowMs: Date.now() });
  const time = flags.human ? "{{.CreatedSince}}" : "{{.CreatedAt}}";
  const columns = `{{.ID}}\t${time}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}`;
  const isPlain = flags.format === undefined || flags.format === "table";
  stdout.write(renderListing({ rows, headings: HISTORY_HEADINGS, format: flags.quiet && isPlain ? "{{.ID}}" : flags.format, columns }));
  return 0;
}

function parse(args: readonly string[]): HistoryFlags | string {
  const program = flagParser("history")
    .usage("[flags] IMAGE")
    .description("Shows the instructions that made an image, the last one first.")
    .argument("<image>")
    .addOption(new Option("--format <format>", "table, json, or a Go template"))
    .addOption(new Option("-H, --human", "sizes and times for people (default; --human=false for programs)"))
    .addOption(new Option("--no-human").hideHelp())
    .addOption(new Option("--no-trunc", "whole IDs and instructions"))
    .addOption(new Option("-q, --quiet", "only image IDs"));
  const help = parseFlags(program, args.map(withoutHuman));
  if (help !== undefined) return help;
  const given: Readonly<Record<string, unknown>> = program.opts();
  const [image = ""] = program.args;
  return {
    image,
    format: typeof given["format"] === "string" ? given["format"] : undefined,
    human: given["human"] !== false,
    noTrunc: given["trunc"] === false,
    quiet: given["quiet"] === true,
  };
}

/** A flag that is on unless it is said to be off. */
function withoutHuman(word: string): string {
  const value = /^(?:--human|-H)=(.*)$/.exec(word)?.[1];
  return value !== undefined && parseBoolean(value) === false ? "--no-human" : word;
}
