import { resolve } from "node:path";
import { Option } from "commander";
import { TsbuildError } from "../../base/errors.js";
import { parsePlatform } from "../../base/platform.js";
import type { CommandContext } from "../context.js";
import { withImageWork } from "../images/open.js";
import { flagParser, parseFlags } from "../values/flags.js";

interface SaveFlags {
  readonly images: readonly string[];
  readonly output: string | undefined;
  readonly platform: string | undefined;
}

/** An archive in the file, or on stdout. The file appears when it is whole. */
export async function run(args: readonly string[], context: CommandContext): Promise<number> {
  const flags = parse(args);
  if (typeof flags === "string") {
    context.stdout.write(flags);
    return 0;
  }
  const { images: names, output } = flags;
  if (output === undefined && context.stdout.isTerminal) {
    throw new TsbuildError("USAGE", "cowardly refusing to save to a terminal. Use the -o flag or redirect", {
      hint: "tsbuild save -o FILE IMAGE…",
    });
  }
  const platform = flags.platform === undefined ? undefined : parsePlatform(flags.platform);
  await withImageWork(context, { events: () => undefined, insecureRegistries: [] }, async (work) => {
    const { prepareArchive, saveImages, selectImages } = await import("../../worker/store-commands/save.js");
    const { intoFile } = await import("../../worker/export/archives.js");
    const images = await prepareArchive(work, await selectImages(work, names), platform);
    await intoFile(work.store, output === undefined ? "-" : resolve(context.cwd, output), (stream) => saveImages(work, images, stream));
  });
  return 0;
}

function parse(args: readonly string[]): SaveFlags | string {
  const program = flagParser("save")
    .usage("[flags] IMAGE…")
    .description("Writes images with their names into a tar archive that docker, podman and others load. It is an OCI layout as well.")
    .argument("<image...>")
    .addOption(new Option("-o, --output <file>", "into this file instead of stdout"))
    .addOption(new Option("--platform <os/arch>", "only the images for this platform"));
  const help = parseFlags(program, args);
  if (help !== undefined) return help;
  const { output, platform }: { output?: string; platform?: string } = program.opts();
  return { images: program.args, output, platform };
}
