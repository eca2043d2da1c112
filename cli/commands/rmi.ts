import { Option } from "commander";
import { TsbuildError, messageOf } from "../../base/errors.js";
import { openStore } from "../../worker/open-store.js";
import { removalLines, removeStoredImage } from "../../worker/store-commands/remove.js";
import type { CommandContext } from "../context.js";
import { forEach } from "../images/failures.js";
import { flagParser, parseFlags } from "../values/flags.js";

/** `Untagged: NAME` and `Deleted: DIGEST` on stdout. */
export async function run(args: readonly string[], { root, stdout, stderr }: CommandContext): Promise<number> {
  const program = flagParser("rmi")
    .usage("[flags] IMAGE…")
    .description("Removes names of images, and images with their last name. Layers that builds can still use stay until tsbuild prune.")
    .argument("<image...>")
    .addOption(new Option("-f, --force", "also when a stopped container uses it, or an ID has several names"))
    .addOption(new Option("--no-prune", "keep untagged parents; there are none here, so this changes nothing"));
  const help = parseFlags(program, args);
  if (help !== undefined) {
    stdout.write(help);
    return 0;
  }
  const force = program.opts()["force"] === true;
  await using store = await openStore(root);
  await forEach(program.args, async (text) => {
    try {
      stdout.write(
        removalLines(await removeStoredImage(store, text, { force }))
          .map((line) => `${line}\n`)
          .join(""),
      );
    } catch (error) {
      if (!force || !(error instanceof TsbuildError) || error.code !== "IMAGE_NOT_FOUND") throw error;
      stderr.write(`${messageOf(error)}\n`);
    }
  });
  return 0;
}
