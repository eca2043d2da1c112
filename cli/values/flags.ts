/** What all commands share in reading flags: commander, taught the habits of Docker's command line. */
import { Command, CommanderError, Option } from "commander";
import { TsbuildError } from "../../base/errors.js";
import { parseBoolean } from "./numbers.js";

/** A commander program for `tsbuild NAME` that never prints or exits by itself. */
export function flagParser(name: string): Command {
  const program = new Command(`tsbuild ${name}`);
  program
    .exitOverride()
    .configureOutput({ writeOut: () => {}, writeErr: () => {} })
    .helpOption("--help", "show this help");
  return program.showSuggestionAfterError(true).allowExcessArguments(false);
}

/** A flag that may be given several times; its values in order. */
export function repeated(flags: string, description: string): Option {
  return new Option(flags, description).argParser((value: string, before: unknown) => [...strings(before), value]);
}

/** What a repeated flag collected. */
export function strings(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}

/**
 * Parses `args`. Resolves to the text of the help when that was asked for, else to undefined.
 * @throws {TsbuildError} USAGE, with commander's suggestion as hint
 */
export function parseFlags(program: Command, args: readonly string[]): string | undefined {
  try {
    program.parse(normalizeFlags(program, args), { from: "user" });
    return undefined;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.code === "commander.helpDisplayed") return program.helpInformation();
    throw usageError(program.name(), error.message);
  }
}

function usageError(name: string, message: string): TsbuildError {
  const [first = "", suggestion] = message.replace(/^error: /, "").split("\n");
  const hint = suggestion?.replace(/^\(|\)$/g, "").replace(/^Did/, "did") ?? `${name} --help tells the flags`;
  return new TsbuildError("USAGE", `${name}: ${first}`, { hint });
}

/**
 * Docker's flags allow `--quiet=false` and `-t=name`, commander doesn't. Words behind `--` stay as they are.
 * @throws {TsbuildError} USAGE
 */
export function normalizeFlags(program: Command, args: readonly string[]): readonly string[] {
  const out: string[] = [];
  for (let at = 0; at < args.length; at++) {
    const word = args[at] ?? "";
    if (word === "--") return [...out, ...args.slice(at)];
    const [flag, value] = splitFlag(word);
    const option = program.options.find((known) => known.long === flag || known.short === flag);
    if (option?.optional === true && value === undefined && typeof option.presetArg === "string" && flag.startsWith("--")) {
      // Docker's switches that may have a value have it behind `=`: the next word is never theirs.
      out.push(`${flag}=${option.presetArg}`);
    } else if (option === undefined || value === undefined) {
      out.push(word);
      // The next word is this flag's value, whatever it looks like.
      if (option?.required === true && at + 1 < args.length) out.push(args[++at] ?? "");
    } else if (option.required || option.optional) {
      out.push(flag.startsWith("--") ? word : `${flag}${value}`);
    } else if (isOn(program, flag, value)) {
      out.push(flag);
    }
  }
  return out;
}

function splitFlag(word: string): readonly [flag: string, value: string | undefined] {
  const equals = word.indexOf("=");
  const isFlag = word.startsWith("-") && equals > 0 && (word.startsWith("--") || equals === 2);
  return isFlag ? [word.slice(0, equals), word.slice(equals + 1)] : [word, undefined];
}

function isOn(program: Command, flag: string, value: string): boolean {
  const isSet = parseBoolean(value);
  if (isSet === undefined) throw new TsbuildError("USAGE", `${program.name()}: ${flag} is true or false, not "${value}"`);
  return isSet;
}
