import { createReadStream } from "node:fs";
import type { Readable } from "node:stream";
import { isatty } from "node:tty";
import { resolve } from "node:path";
import { Option } from "commander";
import { TsbuildError, isErrno } from "../../base/errors.js";
import { parsePlatform } from "../../base/platform.js";
import { familiarName } from "../../image/reference.js";
import type { LoadedImage } from "../../worker/store-commands/load.js";
import type { CommandContext } from "../context.js";
import { withImageWork } from "../images/open.js";
import { flagParser, parseFlags } from "../values/flags.js";

interface LoadFlags {
  readonly input: string | undefined;
  readonly platform: string | undefined;
  readonly quiet: boolean;
}

const STDIN = 0;

/** `Loaded image: NAME` on stdout for each name. */
export async function run(args: readonly string[], context: CommandContext): Promise<number> {
  const flags = parse(args);
  if (typeof flags === "string") {
    context.stdout.write(flags);
    return 0;
  }
  const { input } = flags;
  if (input === undefined && isatty(STDIN))
    throw new TsbuildError("USAGE", "requested load from stdin, but stdin is empty", { hint: "tsbuild load -i FILE" });
  const platform = flags.platform === undefined ? undefined : parsePlatform(flags.platform);
  const stream = await openInput(input === undefined ? undefined : resolve(context.cwd, input));
  const loaded = await withImageWork(context, { events: () => undefined, insecureRegistries: [] }, async (work) => {
    const { loadImages } = await import("../../worker/store-commands/load.js");
    return await loadImages(work, stream, platform);
  });
  context.stdout.write(loaded.map((image) => linesOf(image, flags.quiet)).join(""));
  return 0;
}

function linesOf({ id, names, moved }: LoadedImage, isQuiet: boolean): string {
  const notes = isQuiet
    ? []
    : moved.map(({ name, from }) => `The image ${familiarName(name)} already exists, renaming the old one with ID ${from} to empty string`);
  const loaded = names.length === 0 ? [`Loaded image ID: ${id}`] : names.map((name) => `Loaded image: ${familiarName(name)}`);
  return [...notes, ...loaded].map((line) => `${line}\n`).join("");
}

/** @throws {TsbuildError} INPUT_UNREADABLE */
async function openInput(path: string | undefined): Promise<Readable> {
  if (path === undefined) return createReadStream("", { fd: STDIN, autoClose: false });
  const stream = createReadStream(path, { highWaterMark: 256 * 1024 });
  try {
    await new Promise<void>((done, failed) => void stream.once("open", () => done()).once("error", failed));
  } catch (error) {
    if (!isErrno(error, "ENOENT", "EACCES", "EISDIR", "ENOTDIR", "ELOOP")) throw error;
    throw new TsbuildError("INPUT_UNREADABLE", `open ${path}: ${error.code === "ENOENT" ? "no such file or directory" : error.message}`, {
      cause: error,
    });
  }
  return stream;
}

function parse(args: readonly string[]): LoadFlags | string {
  const program = flagParser("load")
    .usage("[flags] < ARCHIVE")
    .description("Puts the images of an archive into the store: from docker save, or an OCI layout as a tar, compressed or not.")
    .addOption(new Option("-i, --input <file>", "from this file instead of stdin"))
    .addOption(new Option("--platform <os/arch>", "the image for this platform instead of this machine's"))
    .addOption(new Option("-q, --quiet", "only the names of what was loaded"));
  const help = parseFlags(program, args);
  if (help !== undefined) return help;
  const { input, platform, quiet }: { input?: string; platform?: string; quiet?: boolean } = program.opts();
  return { input, platform, quiet: quiet === true };
}
