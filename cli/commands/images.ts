import { Option } from "commander";
import type { Store } from "../../cache/store.js";
import { openStore } from "../../worker/open-store.js";
import { type StoredImage, listImages, requireImage } from "../../worker/store-commands/catalog.js";
import { imageSize } from "../../worker/store-commands/size.js";
import type { CommandContext } from "../context.js";
import { IMAGE_HEADINGS, imageRows, type SizedImage } from "../images/rows.js";
import { IMAGE_FILTERS, selectImages } from "../images/select.js";
import { type Filters, parseFilters } from "../values/filters.js";
import { flagParser, parseFlags, repeated, strings } from "../values/flags.js";
import { renderListing } from "../values/listing.js";

interface ImagesFlags {
  readonly filters: Filters;
  readonly format: string | undefined;
  readonly quiet: boolean;
  readonly noTrunc: boolean;
  readonly digests: boolean;
}

const RAW = "repository: {{.Repository}}\ntag: {{.Tag}}\nimage_id: {{.ID}}\ncreated_at: {{.CreatedAt}}\nvirtual_size: {{.Size}}\n";

export async function run(args: readonly string[], { root, stdout }: CommandContext): Promise<number> {
  const flags = parse(args);
  if (typeof flags === "string") {
    stdout.write(flags);
    return 0;
  }
  const nowMs = Date.now();
  await using store = await openStore(root);
  const selected = await chosen(store, flags.filters, nowMs);
  const rows = selected.flatMap((image) => imageRows(image, { nowMs, noTrunc: flags.noTrunc, digests: flags.digests }));
  stdout.write(renderListing({ rows, headings: IMAGE_HEADINGS, format: formatOf(flags), columns: columnsOf(flags) }));
  return 0;
}

function formatOf({ quiet, format }: ImagesFlags): string | undefined {
  if (quiet && (format === undefined || format === "table" || format === "raw")) return "{{.ID}}";
  return format === "raw" ? RAW : format;
}

function columnsOf({ digests }: ImagesFlags): string {
  return `{{.Repository}}\t{{.Tag}}\t${digests ? "{{.Digest}}\t" : ""}{{.ID}}\t{{.CreatedSince}}\t{{.Size}}`;
}

async function chosen(store: Store, filters: Filters, nowMs: number): Promise<readonly SizedImage[]> {
  const named = new Map<string, StoredImage>();
  for (const text of [...(filters.get("before") ?? []), ...(filters.get("since") ?? [])])
    named.set(text, (await requireImage(store, text)).image);
  const find = (text: string): StoredImage => {
    const image = named.get(text);
    if (image === undefined) throw new Error(`Internal error: ${text} was not looked up`);
    return image;
  };
  const images = selectImages(await listImages(store), { filters, nowMs, find });
  return Promise.all(images.map(async (image) => ({ image, bytes: await imageSize(store, image) })));
}

function parse(args: readonly string[]): ImagesFlags | string {
  const program = flagParser("images")
    .usage("[flags] [REPOSITORY[:TAG]]")
    .description("Lists the images in the store, the newest first.")
    .argument("[reference]")
    .addOption(new Option("-a, --all", "all images; no others are ever hidden, so this changes nothing"))
    .addOption(new Option("--digests", "with the digests that registries know images by"))
    .addOption(repeated("-f, --filter <name=value>", `only some: ${IMAGE_FILTERS.join(", ")}; may be repeated`))
    .addOption(new Option("--format <format>", "table, json, or a Go template: 'table {{.ID}}\\t{{.Size}}'"))
    .addOption(new Option("--no-trunc", "whole image IDs"))
    .addOption(new Option("-q, --quiet", "only image IDs"));
  const help = parseFlags(program, args);
  if (help !== undefined) return help;
  const given: Readonly<Record<string, unknown>> = program.opts();
  const [reference] = program.args;
  const filters = [...strings(given["filter"]), ...(reference === undefined ? [] : [`reference=${reference}`])];
  return {
    filters: parseFilters(filters, IMAGE_FILTERS),
    format: typeof given["format"] === "string" ? given["format"] : undefined,
    quiet: given["quiet"] === true,
    noTrunc: given["trunc"] === false,
    digests: given["digests"] === true,
  };
}
