import type { WordsInstruction, Word } from "../../syntax/ast.js";
import { errorAt } from "../dockerfile-error.js";
import { readFlags } from "../flags.js";
import type { Origin } from "../step.js";

const STAGE_NAME = /^[a-z][a-z0-9-_.]*$/;

export interface FromCommand {
  readonly instruction: WordsInstruction;
  /** Image, earlier stage or `scratch`; variables not put in yet. */
  readonly base: Word;
  /** Lower case. */
  readonly stageName: string | undefined;
  readonly platform: Word | undefined;
}

/**
 * `FROM [--platform=…] base [AS name]`
 * @throws {TsbuildError} DOCKERFILE_STAGE_NAME, DOCKERFILE_FLAG_…
 */
export function readFrom(instruction: WordsInstruction, origin: Origin): FromCommand {
  const flags = readFlags(instruction, { platform: "text" }, origin);
  const [base, , name] = instruction.words;
  if (base === undefined) throw new Error("Internal error: a FROM without words left the parser");
  return { instruction, base, stageName: name === undefined ? undefined : readStageName(name, origin), platform: flags.text("platform") };
}

function readStageName({ value, range }: Word, { file }: Origin): string {
  const name = value.toLowerCase();
  if (STAGE_NAME.test(name)) return name;
  throw errorAt(
    file,
    range,
    "DOCKERFILE_STAGE_NAME",
    `invalid name for build stage: "${value}", name can't start with a number or contain symbols`,
    "write letters, digits, -, _ and ., with a letter first",
  );
}
