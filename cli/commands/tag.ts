import { openStore } from "../../worker/open-store.js";
import { tagStoredImage } from "../../worker/store-commands/names.js";
import type { CommandContext } from "../context.js";
import { flagParser, parseFlags } from "../values/flags.js";

/** Prints nothing. */
export async function run(args: readonly string[], { root, stdout }: CommandContext): Promise<number> {
  const program = flagParser("tag")
    .usage("IMAGE NAME[:TAG]")
    .description("Gives an image one more name.")
    .argument("<image>")
    .argument("<name>");
  const help = parseFlags(program, args);
  if (help !== undefined) {
    stdout.write(help);
    return 0;
  }
  const [image = "", name = ""] = program.args;
  await using store = await openStore(root);
  await tagStoredImage(store, image, name);
  return 0;
}
