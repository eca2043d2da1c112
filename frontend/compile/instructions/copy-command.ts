/** What COPY and ADD say, before variables are put in. */
import { errorAt } from "../dockerfile-error.js";
import { type FlagKind, type Flags, readFlags } from "../flags.js";
import type { CopyInstruction, Heredoc, Word } from "../../syntax/ast.js";
import type { Origin, Reference } from "../step.js";

const COPY_FLAGS = {
  from: "text",
  chown: "text",
  chmod: "text",
  link: "switch",
  parents: "switch",
  exclude: "list",
} as const satisfies Record<string, FlagKind>;
const ADD_FLAGS = {
  chown: "text",
  chmod: "text",
  link: "switch",
  checksum: "text",
  "keep-git-dir": "switch",
  unpack: "switch",
  exclude: "list",
} as const satisfies Record<string, FlagKind>;

export interface CopyCommand {
  readonly instruction: CopyInstruction;
  /** Paths and, for ADD, addresses. */
  readonly sources: readonly Word[];
  readonly documents: readonly Heredoc[];
  readonly destination: Word;
  readonly from: Reference;
  readonly chown: Word | undefined;
  readonly chmod: Word | undefined;
  readonly excludes: readonly Word[];
  readonly isLinked: boolean;
  readonly keepParents: boolean;
  readonly checksum: Word | undefined;
  readonly keepGitDir: boolean | undefined;
  /** Unset: as the source is: archives of the context are unpacked, those of an address aren't. */
  readonly unpack: boolean | undefined;
}

/** @throws {TsbuildError} DOCKERFILE_FLAG_…, DOCKERFILE_FROM_VARIABLE */
export function readCopyCommand(instruction: CopyInstruction, origin: Origin): CopyCommand {
  const flags = readFlags(instruction, instruction.keyword === "COPY" ? COPY_FLAGS : ADD_FLAGS, origin);
  const destination = lastWord(instruction);
  const markers = new Set(instruction.heredocs.map(({ range }) => range.start.offset));
  const isDocument = ({ range, value }: Word): boolean => markers.has(range.start.offset) && value.includes("<<");
  return {
    instruction,
    sources: instruction.words.slice(0, -1).filter((word) => !isDocument(word)),
    documents: instruction.heredocs,
    destination,
    from: readFrom(flags, origin),
    chown: flags.text("chown"),
    chmod: flags.text("chmod"),
    excludes: flags.list("exclude"),
    isLinked: flags.isOn("link") ?? false,
    keepParents: flags.isOn("parents") ?? false,
    checksum: flags.text("checksum"),
    keepGitDir: flags.isOn("keep-git-dir"),
    unpack: flags.isOn("unpack"),
  };
}

function lastWord({ words }: CopyInstruction): Word {
  const last = words.at(-1);
  if (last === undefined) throw new Error("Internal error: a COPY without words left the parser");
  return last;
}

function readFrom(flags: Flags, { file }: Origin): Reference {
  const from = flags.text("from");
  if (from === undefined) return { type: "context" };
  if (from.value.includes("$")) {
    throw errorAt(
      file,
      from.range,
      "DOCKERFILE_FROM_VARIABLE",
      "variable expansion is not supported for --from",
      `define a stage with FROM ${from.value} AS name, using an ARG from above the first FROM, and copy from that`,
    );
  }
  if (from.value === "")
    throw errorAt(
      file,
      from.range,
      "DOCKERFILE_FLAG_VALUE",
      "missing a value on flag: --from",
      "name a stage, a named context or an image",
    );
  return { type: "from", name: from.value, range: from.range, verb: "copy" };
}
