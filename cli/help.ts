import type { Command } from "./commands.js";

/** The text of `tsbuild --help`. */
export function overview(commands: ReadonlyMap<string, Command>): string {
  const width = Math.max(...[...commands.keys()].map((name) => name.length));
  const lines = [...commands].map(([name, { summary }]) => `  ${name.padEnd(width)}  ${summary}`);
  return `Usage: tsbuild [--root FOLDER] [--debug] COMMAND …
       tsbuild [BUILD FLAGS] CONTEXT

Builds images from Dockerfiles and runs them, without a daemon.

Commands:
${lines.join("\n")}

  tsbuild COMMAND --help tells a command's flags.

Everything is kept below --root, or TSBUILD_ROOT, or /var/lib/tsbuild.
--debug, or TSBUILD_DEBUG=1, shows the stack of an internal error.
`;
}
