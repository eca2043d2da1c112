/** From a logical line's raw shape to an instruction of the AST, with the checks that need no other instruction. */
import type { SourceFile, SourceRange } from "../../base/source.js";
import { checkArguments } from "./arguments.js";
import type {
  CommandInstruction,
  CommandLine,
  CopyInstruction,
  Flag,
  HealthcheckInstruction,
  Instruction,
  KeyValueInstruction,
  OnbuildInstruction,
  Word,
  WordsInstruction,
} from "./ast.js";
import { dockerfileError } from "./errors.js";
import { makeFlag } from "./flags.js";
import type { RawArray, RawBody, RawInstruction, Token } from "./grammar.js";
import type { ReadHeredoc } from "./heredocs.js";
import { makeArguments, makePairs } from "./key-values.js";
import type { LogicalLine } from "./logical-line.js";
import { nearest } from "./suggest.js";

const KEYWORDS = [
  "ADD",
  "ARG",
  "CMD",
  "COPY",
  "ENTRYPOINT",
  "ENV",
  "EXPOSE",
  "FROM",
  "HEALTHCHECK",
  "LABEL",
  "MAINTAINER",
  "ONBUILD",
  "RUN",
  "SHELL",
  "STOPSIGNAL",
  "USER",
  "VOLUME",
  "WORKDIR",
] as const;

/** Where an instruction stands. */
export interface Context {
  readonly file: SourceFile;
  readonly line: LogicalLine;
  readonly heredocs: readonly ReadHeredoc[];
  /** Behind the last line, heredocs included. */
  readonly end: number;
}

interface Common {
  readonly keywordText: string;
  readonly keywordRange: SourceRange;
  readonly range: SourceRange;
  readonly original: string;
  readonly flags: readonly Flag[];
}

/** @throws {TsbuildError} DOCKERFILE_… */
export function makeInstruction(context: Context, raw: RawInstruction): Instruction {
  const instruction = convert(context, raw);
  checkArguments(context.file, instruction);
  return instruction;
}

function convert(context: Context, raw: RawInstruction): Instruction {
  switch (raw.type) {
    case "command":
      return keywordOf(raw) === "SHELL" ? shellOf(context, raw.body, common(context, raw)) : commandOf(context, raw, raw.body);
    case "list":
      return keywordOf(raw) === "VOLUME" ? listOf(context, "VOLUME", raw.body, common(context, raw)) : copyOf(context, raw, raw.body);
    case "words":
      return listOf(context, keywordOf(raw) === "FROM" ? "FROM" : "EXPOSE", raw.body, common(context, raw));
    case "text":
      return textOf(context, raw, raw.body);
    case "pairs":
      return pairsOf(context, raw, raw.body);
    case "healthcheck":
      return healthcheckOf(context, raw);
    case "onbuild":
      return onbuildOf(context, raw);
    case "unknown":
    case "refused":
      throw raw.type === "unknown" ? unknownInstruction(context, raw.keyword) : refusedTrigger(context, raw.keyword);
  }
}

function common({ line, end }: Context, raw: RawInstruction): Common {
  const { image, startOffset } = raw.keyword;
  return {
    keywordText: image,
    keywordRange: line.range(startOffset, startOffset + image.length),
    range: line.index.range(line.sourceOffset(startOffset), end),
    original: image.toUpperCase() + line.text.slice(startOffset + image.length),
    flags: raw.flags.map((flag) => makeFlag(line, flag)),
  };
}

function commandOf(context: Context, raw: RawInstruction, body: RawBody): CommandInstruction {
  const name = keywordOf(raw);
  const keyword = name === "RUN" || name === "CMD" ? name : "ENTRYPOINT";
  return { ...common(context, raw), keyword, command: commandLine(context, body), heredocs: heredocsOf(context) };
}

function copyOf(context: Context, raw: RawInstruction, body: RawBody): CopyInstruction {
  const keyword = keywordOf(raw) === "ADD" ? "ADD" : "COPY";
  const words = joinMarkers(context, wordsOf(context, body));
  return { ...common(context, raw), keyword, isJson: body.type === "array", words, heredocs: heredocsOf(context) };
}

/** `<< EOF` with blanks comes as two words but is one marker. */
function joinMarkers({ heredocs }: Context, words: readonly Word[]): readonly Word[] {
  if (heredocs.length === 0) return words;
  const markers = new Map(heredocs.map(({ heredoc: { range } }) => [range.start.offset, range]));
  const joined: Word[] = [];
  let coveredTo = 0;
  for (const word of words) {
    const { start, end } = word.range;
    const last = joined.at(-1);
    if (last !== undefined && end.offset <= coveredTo)
      joined[joined.length - 1] = { value: `${last.value} ${word.value}`, range: { start: last.range.start, end } };
    else joined.push(word);
    coveredTo = Math.max(coveredTo, markers.get(start.offset)?.end.offset ?? 0);
  }
  return joined;
}

function listOf(context: Context, keyword: "FROM" | "EXPOSE" | "VOLUME", body: RawBody, base: Common): WordsInstruction {
  return { ...base, keyword, isJson: body.type === "array", words: wordsOf(context, body), text: textWord(context, body) };
}

function shellOf(context: Context, body: RawBody, base: Common): WordsInstruction {
  return { ...base, keyword: "SHELL", isJson: body.type === "array", words: wordsOf(context, body), text: textWord(context, body) };
}

function textOf(context: Context, raw: RawInstruction, body: RawBody): WordsInstruction {
  const name = keywordOf(raw);
  const keyword = name === "WORKDIR" || name === "USER" || name === "STOPSIGNAL" ? name : "MAINTAINER";
  return { ...common(context, raw), keyword, isJson: false, ...wordsAndText(context, body) };
}

function pairsOf(context: Context, raw: RawInstruction, body: RawBody): KeyValueInstruction {
  const name = keywordOf(raw);
  const keyword = name === "ENV" || name === "LABEL" ? name : "ARG";
  const words = body.type === "words" ? body.words : [];
  const pairs =
    keyword === "ARG" ? makeArguments(context.file, context.line, words) : makePairs(context.file, context.line, keyword, words);
  return { ...common(context, raw), keyword, ...pairs };
}

function healthcheckOf(context: Context, raw: RawInstruction & { readonly type: "healthcheck" }): HealthcheckInstruction {
  const { line } = context;
  const start = raw.check?.startOffset ?? line.text.length;
  const written = line.word(start, start + (raw.check?.image.length ?? 0));
  const type = { value: written.value.toUpperCase(), range: written.range };
  return { ...common(context, raw), keyword: "HEALTHCHECK", type, command: commandLine(context, raw.body) };
}

function onbuildOf(context: Context, raw: RawInstruction & { readonly type: "onbuild" }): OnbuildInstruction {
  const base = common(context, raw);
  if (raw.trigger === undefined) {
    throw dockerfileError(context.file, {
      code: "ARGUMENTS",
      message: "ONBUILD requires at least one argument",
      hint: "write the instruction to run later, for example ONBUILD RUN make",
      ranges: [base.range],
    });
  }
  const trigger = makeInstruction(context, raw.trigger);
  const written = context.line.word(raw.trigger.keyword.startOffset, context.line.text.length);
  const bodies = context.heredocs.map(({ heredoc, rawContent }) => `\n${rawContent}${heredoc.name}`);
  return { ...base, keyword: "ONBUILD", trigger, text: { value: written.value + bodies.join(""), range: written.range } };
}

function commandLine(context: Context, body: RawBody): CommandLine {
  const { words, text } = wordsAndText(context, body);
  const form = body.type === "array" ? "exec" : "shell";
  return { form, words, text, looksLikeJson: form === "shell" && text.value.startsWith("[") };
}

/** A text reaches to the end of its line, so that its one word is the text itself. */
function wordsAndText(context: Context, body: RawBody): Pick<CommandLine, "words" | "text"> {
  const text = textWord(context, body);
  return { words: body.type === "text" && body.text !== undefined ? [text] : wordsOf(context, body), text };
}

function wordsOf({ file, line }: Context, body: RawBody): readonly Word[] {
  const toWord = ({ image, startOffset }: Token): Word => line.word(startOffset, startOffset + image.length);
  if (body.type === "words") return body.words.map(toWord);
  if (body.type === "text") return body.text === undefined ? [] : [toWord(body.text)];
  return stringsOf(file, line, body.array);
}

function stringsOf(file: SourceFile, line: LogicalLine, { strings, notAString }: RawArray): readonly Word[] {
  if (notAString !== undefined) {
    throw dockerfileError(file, {
      code: "JSON",
      message: "an array in JSON must consist of strings only",
      hint: "put double quotes around every element",
      ranges: [line.range(notAString.startOffset, line.text.length)],
    });
  }
  return strings.map(({ image, startOffset }) => ({
    value: String(JSON.parse(image)),
    range: line.range(startOffset, startOffset + image.length),
  }));
}

/** All that stands behind the flags, as written. */
function textWord({ line }: Context, body: RawBody): Word {
  const first = body.type === "array" ? body.array.open : body.type === "text" ? body.text : body.words[0];
  return line.word(first?.startOffset ?? line.text.length, line.text.length);
}

function heredocsOf({ heredocs }: Context): CommandInstruction["heredocs"] {
  return heredocs.map(({ heredoc }) => heredoc);
}

function keywordOf(raw: RawInstruction): string {
  return raw.keyword.image.toUpperCase();
}

function unknownInstruction({ file, line }: Context, { image, startOffset }: Token): Error {
  const near = nearest(image, KEYWORDS);
  return dockerfileError(file, {
    code: "UNKNOWN_INSTRUCTION",
    message: `unknown instruction: ${image.length > 100 ? `${image.slice(0, 100)}…` : image}`,
    hint: near === undefined ? undefined : `did you mean ${near}?`,
    ranges: [line.range(startOffset, startOffset + image.length)],
  });
}

function refusedTrigger({ file, line }: Context, { image, startOffset }: Token): Error {
  return dockerfileError(file, {
    code: "ONBUILD",
    message: `${image.toUpperCase()} is not allowed behind ONBUILD`,
    hint: "a trigger runs within one stage of another build; it can neither start a stage nor set triggers",
    ranges: [line.range(startOffset, startOffset + image.length)],
  });
}
