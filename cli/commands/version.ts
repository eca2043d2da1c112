import type { CommandContext } from "../context.js";
import { refuseArguments } from "../values/arguments.js";
import { VERSION } from "../version.js";

const HELP = `Usage: tsbuild version

Prints the version. The same as tsbuild --version.
`;

/** `tsbuild 0.1.0` on stdout. */
export async function run(args: readonly string[], { stdout }: CommandContext): Promise<number> {
  if (args.includes("--help")) {
    stdout.write(HELP);
    return 0;
  }
  refuseArguments("version", args);
  stdout.write(`tsbuild ${VERSION}\n`);
  return 0;
}
