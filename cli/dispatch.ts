import { TsbuildError } from "../base/errors.js";
import { suggest } from "./suggest.js";

/** What the command line asks for, before the command itself has looked at its flags. */
export type Invocation =
  | { readonly type: "help" }
  | {
      readonly type: "command";
      readonly name: string;
      readonly args: readonly string[];
      readonly root?: string | undefined;
      readonly isDebug: boolean;
    };

interface GlobalFlags {
  readonly root?: string | undefined;
  readonly isDebug: boolean;
  readonly rest: readonly string[];
}

/**
 * Finds the command in `argv`. What begins with a flag, or names a context, is a build: `tsbuild -t app .`
 * @throws {TsbuildError} USAGE
 */
export function parseInvocation(argv: readonly string[], commands: readonly string[], isContext: (word: string) => boolean): Invocation {
  const { root, isDebug, rest } = globalFlags(argv);
  const [first, ...args] = rest;
  if (first === undefined || first === "help" || first === "--help" || first === "-h") return helpFor(args[0], commands, isDebug);
  const command = (name: string, given: readonly string[]): Invocation => ({ type: "command", name, args: given, root, isDebug });
  if (first === "--version" || first === "-V") return command("version", args);
  if (commands.includes(first)) return command(first, args);
  if (first.startsWith("-") || isContext(first)) return command("build", rest);
  throw unknownCommand(first, commands);
}

function helpFor(topic: string | undefined, commands: readonly string[], isDebug: boolean): Invocation {
  if (topic === undefined) return { type: "help" };
  if (!commands.includes(topic)) throw unknownCommand(topic, commands);
  return { type: "command", name: topic, args: ["--help"], isDebug };
}

function unknownCommand(word: string, commands: readonly string[]): TsbuildError {
  const meant = suggest(word, commands);
  const hint = meant === undefined ? "tsbuild --help lists the commands" : `did you mean "tsbuild ${meant}"?`;
  return new TsbuildError("USAGE", `"${word}" is neither a command nor a folder to build`, { hint });
}

/** Flags before the command that hold for all of them. */
function globalFlags(argv: readonly string[]): GlobalFlags {
  let root: string | undefined;
  let isDebug = false;
  let next = 0;
  for (; next < argv.length; next++) {
    const word = argv[next] ?? "";
    if (word === "--debug" || word === "-D") isDebug = true;
    else if (word.startsWith("--root=")) root = checkRoot(word.slice("--root=".length));
    else if (word === "--root") root = checkRoot(argv[++next]);
    else break;
  }
  return { root, isDebug, rest: argv.slice(next) };
}

function checkRoot(value: string | undefined): string {
  if (value !== undefined && value !== "") return value;
  throw new TsbuildError("USAGE", "--root wants a folder", { hint: "for example --root /var/lib/tsbuild" });
}
