import { Option } from "commander";
import { diskUsage } from "../../cache/usage.js";
import { openStore } from "../../worker/open-store.js";
import type { CommandContext } from "../context.js";
import { USAGE_HEADINGS, usageRows } from "../images/usage-rows.js";
import { flagParser, parseFlags } from "../values/flags.js";
import { renderListing } from "../values/listing.js";

/** A table on stdout: what is in the store, how large it is, and what `tsbuild prune --all` would free. */
export async function run(args: readonly string[], { root, stdout }: CommandContext): Promise<number> {
  const program = flagParser("du")
    .usage("[flags]")
    .description("Says what takes how much room in the store. RECLAIMABLE is what tsbuild prune --all would free.")
    .addOption(new Option("--format <format>", "table, json, or a Go template: '{{.Type}} {{.Size}}'"));
  const help = parseFlags(program, args);
  if (help !== undefined) {
    stdout.write(help);
    return 0;
  }
  const { format }: { format?: string } = program.opts();
  await using store = await openStore(root);
  const rows = usageRows(await diskUsage(store), { withTotal: format === undefined || format === "table" });
  stdout.write(
    renderListing({
      rows,
      headings: USAGE_HEADINGS,
      format,
      columns: "{{.Type}}\t{{.TotalCount}}\t{{.Active}}\t{{.Size}}\t{{.Reclaimable}}",
    }),
  );
  return 0;
}
