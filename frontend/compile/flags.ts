/** The `--flags` of an instruction, checked against what it takes. */
import type { Flag, Instruction, Word } from "../syntax/ast.js";
import { nearest } from "../syntax/suggest.js";
import { errorAt } from "./dockerfile-error.js";
import type { Origin } from "./step.js";

/** `switch`: `--link`, `--link=false`. `text`: needs a value. `list`: may come several times. */
export type FlagKind = "switch" | "text" | "list";

export interface Flags {
  /** The value of a `text` flag. */
  readonly text: (name: string) => Word | undefined;
  /** The values of a `list` flag, in order. */
  readonly list: (name: string) => readonly Word[];
  /** A `switch`; unset when it isn't there. */
  readonly isOn: (name: string) => boolean | undefined;
}

/**
 * @throws {TsbuildError} DOCKERFILE_FLAG_UNKNOWN, …_DUPLICATE, …_VALUE
 */
export function readFlags(instruction: Instruction, kinds: Readonly<Record<string, FlagKind>>, origin: Origin): Flags {
  const byName = new Map<string, Flag[]>();
  for (const flag of instruction.flags) {
    checkFlag(instruction, flag, kinds, origin);
    const known = byName.get(flag.name);
    if (known !== undefined && kinds[flag.name] !== "list") {
      throw errorAt(
        origin.file,
        flag.nameRange,
        "DOCKERFILE_FLAG_DUPLICATE",
        `duplicate flag specified: --${flag.name}`,
        "keep one of them",
      );
    }
    if (known === undefined) byName.set(flag.name, [flag]);
    else known.push(flag);
  }
  const valuesOf = (name: string): Word[] => (byName.get(name) ?? []).flatMap(({ value }) => (value === undefined ? [] : [value]));
  return {
    text: (name) => valuesOf(name)[0],
    list: valuesOf,
    isOn: (name) => (byName.has(name) ? valuesOf(name)[0]?.value.toLowerCase() !== "false" : undefined),
  };
}

/** @throws {TsbuildError} DOCKERFILE_FLAG_UNKNOWN when there is any */
export function refuseFlags(instruction: Instruction, origin: Origin): void {
  readFlags(instruction, {}, origin);
}

function checkFlag(instruction: Instruction, flag: Flag, kinds: Readonly<Record<string, FlagKind>>, { file }: Origin): void {
  const names = Object.keys(kinds);
  if (!names.includes(flag.name)) {
    const hint =
      names.length === 0
        ? `${instruction.keyword} takes no flags`
        : `${instruction.keyword} takes ${names.map((name) => `--${name}`).join(", ")}`;
    throw errorAt(
      file,
      flag.nameRange,
      "DOCKERFILE_FLAG_UNKNOWN",
      `unknown flag: --${flag.name}${didYouMean(nearest(flag.name, names))}`,
      hint,
    );
  }
  if (kinds[flag.name] === "switch") checkSwitch(flag, file);
  else if (flag.value === undefined) {
    throw errorAt(file, flag.range, "DOCKERFILE_FLAG_VALUE", `missing a value on flag: --${flag.name}`, `write --${flag.name}=VALUE`);
  }
}

function checkSwitch({ name, value }: Flag, file: Origin["file"]): void {
  if (value === undefined || /^(?:true|false)$/i.test(value.value)) return;
  throw errorAt(
    file,
    value.range,
    "DOCKERFILE_FLAG_VALUE",
    `expecting boolean value for flag --${name}, not: ${value.value}`,
    `write --${name}, --${name}=true or --${name}=false`,
  );
}

function didYouMean(name: string | undefined): string {
  return name === undefined ? "" : ` (did you mean --${name}?)`;
}
