import type { SourceFile } from "../../base/source.js";
import type { DockerfileAst, Instruction } from "./ast.js";
import { readDirectives } from "./directives.js";
import { dockerfileError } from "./errors.js";
import { grammarFor } from "./grammar.js";
import type { RawInstruction } from "./grammar.js";
import { findMarkers, readBodies } from "./heredocs.js";
import type { ReadHeredoc } from "./heredocs.js";
import { makeInstruction } from "./instructions.js";
import { LineIndex } from "./line-index.js";
import { LineReader } from "./line-reader.js";
import type { LogicalLine } from "./logical-line.js";

/** Remembers the shape of lines, which depends on nothing but their text, the escape character and the grammar. */
export interface LineMemo {
  get(escape: string, line: string): RawInstruction | undefined;
  set(escape: string, line: string, raw: RawInstruction): void;
}

/**
 * Reads a Dockerfile. Takes time in proportion to its length.
 * Names of flags, stages and images, ports, signals and all that depends on several instructions are not checked here.
 * @throws {TsbuildError} DOCKERFILE_EMPTY, DOCKERFILE_DIRECTIVE, DOCKERFILE_UNKNOWN_INSTRUCTION, DOCKERFILE_ARGUMENTS,
 *   DOCKERFILE_JSON, DOCKERFILE_HEREDOC, DOCKERFILE_ONBUILD, all with their place
 */
export function parseDockerfile(file: SourceFile, memo?: LineMemo): DockerfileAst {
  const index = new LineIndex(file.text);
  const zone = readDirectives(file, index);
  const reader = new LineReader(index, zone);
  const instructions = [...readInstructions(file, reader, shaper(zone.escape, memo))];
  if (instructions.length === 0) throw emptyFile(file, index);
  const { comments, emptyContinuations } = reader;
  return { file, directives: zone.directives, escape: zone.escape, instructions, comments, emptyContinuations };
}

/**
 * Reads one instruction that stands outside a Dockerfile: an ONBUILD trigger out of an image's config, with the
 * bodies of its heredocs below it.
 * Ranges count within `text`. `file` gives the name for messages; its text is replaced by `text` in them.
 * @param escape `\` or a backquote
 * @throws {TsbuildError} as `parseDockerfile`, and DOCKERFILE_ONBUILD when there is not exactly one instruction
 */
export function parseInstructionText(text: string, file: SourceFile, escape: string): Instruction {
  const source = { name: file.name, text };
  const index = new LineIndex(text);
  const reader = new LineReader(index, { escape, nextLine: 0, textStart: 0 });
  const [instruction, ...others] = readInstructions(source, reader, shaper(escape));
  if (instruction !== undefined && others.length === 0) return instruction;
  throw dockerfileError(source, {
    code: "ONBUILD",
    message: `a trigger must be one instruction, but ${JSON.stringify(text.slice(0, 200))} has ${instruction === undefined ? "none" : others.length + 1}`,
    ranges: [index.range(0, text.length)],
  });
}

/** The shape of a line; the grammar is made when a line has none yet. */
function shaper(escape: string, memo?: LineMemo): (line: string) => RawInstruction {
  return (line) => {
    const known = memo?.get(escape, line);
    if (known !== undefined) return known;
    const raw = grammarFor(escape).parseLine(line);
    memo?.set(escape, line, raw);
    return raw;
  };
}

function* readInstructions(file: SourceFile, reader: LineReader, shapeOf: (line: string) => RawInstruction): Generator<Instruction> {
  for (let line = reader.nextLogicalLine(); line !== undefined; line = reader.nextLogicalLine()) {
    const raw = shapeOf(line.text);
    const heredocs = takesHeredocs(raw) ? readBodies(file, line, findMarkers(line.text), reader) : [];
    yield makeInstruction({ file, line, heredocs, end: endOf(line, heredocs) }, raw);
  }
}

/** RUN, COPY and ADD do, also behind ONBUILD, but not in JSON form. */
function takesHeredocs(raw: RawInstruction): boolean {
  if (raw.type === "onbuild") return raw.trigger !== undefined && takesHeredocs(raw.trigger);
  if (raw.type !== "command" && raw.type !== "list") return false;
  return raw.body.type !== "array" && ["RUN", "COPY", "ADD"].includes(raw.keyword.image.toUpperCase());
}

function endOf(line: LogicalLine, heredocs: readonly ReadHeredoc[]): number {
  const last = heredocs.at(-1);
  if (last === undefined) return line.sourceEnd;
  const { contentRange } = last.heredoc;
  // The end word's line has the number of the first line behind the body.
  return line.index.line(contentRange.end.line - 1).contentEnd;
}

function emptyFile(file: SourceFile, index: LineIndex): Error {
  const isBlank = file.text.trim() === "";
  return dockerfileError(file, {
    code: "EMPTY",
    message: isBlank ? `${file.name} cannot be empty` : `${file.name} is a file with no instructions`,
    hint: "a Dockerfile begins with FROM",
    ranges: [index.range(0, 0)],
  });
}
