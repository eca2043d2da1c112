/**
 * What a Dockerfile says, before variables are expanded and before meaning. Every node has its range in the
 * source file, down to a flag's value. Built by `parseDockerfile`.
 */
import type { SourceFile, SourceRange } from "../../base/source.js";

export interface DockerfileAst {
  readonly file: SourceFile;
  readonly directives: readonly Directive[];
  /** `\` or a backquote. */
  readonly escape: string;
  readonly instructions: readonly Instruction[];
  /** Comments outside the directive zone, for descriptions and `# check=` lines; one per line. */
  readonly comments: readonly Comment[];
  /** Found while reading, reported as lint warnings: blank lines inside a continuation. */
  readonly emptyContinuations: readonly SourceRange[];
}

export interface Directive {
  /** Lower-case: `syntax`, `escape`, `check`. */
  readonly name: string;
  readonly value: string;
  readonly range: SourceRange;
  readonly valueRange: SourceRange;
}

export interface Comment {
  /** Behind the `#`, trimmed. */
  readonly text: string;
  readonly range: SourceRange;
}

/** A text with its place. When it came from several lines, `range` spans all of them. */
export interface Word {
  readonly value: string;
  readonly range: SourceRange;
}

export interface Flag {
  /** Without the dashes. */
  readonly name: string;
  /** Unset for `--flag` alone. */
  readonly value: Word | undefined;
  readonly range: SourceRange;
  readonly nameRange: SourceRange;
}

export interface Heredoc {
  readonly name: string;
  /** Body as the file has it, or with leading tabs removed for `<<-`; ends in a line feed unless empty. */
  readonly content: string;
  /** False when the name was quoted. */
  readonly expand: boolean;
  /** `<<-` */
  readonly chomp: boolean;
  /** The number before `<<`; 0 when there is none. */
  readonly fileDescriptor: number;
  /** The `<<EOF` in the instruction's line. */
  readonly range: SourceRange;
  readonly contentRange: SourceRange;
}

/** Keywords in upper case; `UNKNOWN` never leaves the parser: it throws, with a suggestion. */
export type Keyword =
  | "ADD"
  | "ARG"
  | "CMD"
  | "COPY"
  | "ENTRYPOINT"
  | "ENV"
  | "EXPOSE"
  | "FROM"
  | "HEALTHCHECK"
  | "LABEL"
  | "MAINTAINER"
  | "ONBUILD"
  | "RUN"
  | "SHELL"
  | "STOPSIGNAL"
  | "USER"
  | "VOLUME"
  | "WORKDIR";

/** What all instructions have. */
interface InstructionBase {
  /** As written. */
  readonly keywordText: string;
  readonly keywordRange: SourceRange;
  /** The whole instruction with its heredocs, to the end of its last line. */
  readonly range: SourceRange;
  /**
   * The instruction's text with continuations joined and comments dropped, keyword in upper case, flags
   * included, as BuildKit shows it in step names and history.
   */
  readonly original: string;
  readonly flags: readonly Flag[];
}

/** Either an array in JSON, or text for a shell. `text` is what stands behind the flags, continuations joined. */
export interface CommandLine {
  readonly form: "exec" | "shell";
  /** For exec form the array's strings; for shell form one word with the whole text. */
  readonly words: readonly Word[];
  readonly text: Word;
  /** Starts with `[` but is not an array of strings: it was taken as shell form. */
  readonly looksLikeJson: boolean;
}

export interface KeyValue {
  readonly key: Word;
  /** Unset for `ARG name`. */
  readonly value: Word | undefined;
}

/** RUN, CMD, ENTRYPOINT. */
export interface CommandInstruction extends InstructionBase {
  readonly keyword: "RUN" | "CMD" | "ENTRYPOINT";
  readonly command: CommandLine;
  readonly heredocs: readonly Heredoc[];
}

/** COPY, ADD: the words behind the flags (exec form: the array's strings), heredoc markers included as words. */
export interface CopyInstruction extends InstructionBase {
  readonly keyword: "COPY" | "ADD";
  readonly isJson: boolean;
  readonly words: readonly Word[];
  readonly heredocs: readonly Heredoc[];
}

/** ENV, LABEL, ARG. `isLegacy`: `ENV key value with blanks`. */
export interface KeyValueInstruction extends InstructionBase {
  readonly keyword: "ENV" | "LABEL" | "ARG";
  readonly pairs: readonly KeyValue[];
  readonly isLegacy: boolean;
}

/** FROM, WORKDIR, USER, STOPSIGNAL, EXPOSE, VOLUME, SHELL, MAINTAINER: words as written, or a JSON array's strings. */
export interface WordsInstruction extends InstructionBase {
  readonly keyword: "FROM" | "WORKDIR" | "USER" | "STOPSIGNAL" | "EXPOSE" | "VOLUME" | "SHELL" | "MAINTAINER";
  readonly isJson: boolean;
  readonly words: readonly Word[];
  /** Everything behind the flags. */
  readonly text: Word;
}

export interface HealthcheckInstruction extends InstructionBase {
  readonly keyword: "HEALTHCHECK";
  /** `CMD`, `NONE` or whatever stands there, upper case. */
  readonly type: Word;
  readonly command: CommandLine;
}

export interface OnbuildInstruction extends InstructionBase {
  readonly keyword: "ONBUILD";
  /** The trigger, parsed with the same rules. */
  readonly trigger: Instruction;
  /** The trigger's text, as it goes into the image config. */
  readonly text: Word;
}

export type Instruction =
  | CommandInstruction
  | CopyInstruction
  | KeyValueInstruction
  | WordsInstruction
  | HealthcheckInstruction
  | OnbuildInstruction;
