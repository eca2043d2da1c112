/** How many arguments each instruction wants. */
import type { SourceFile, SourceRange } from "../../base/source.js";
import type { CopyInstruction, HealthcheckInstruction, Instruction, WordsInstruction } from "./ast.js";
import { dockerfileError } from "./errors.js";

/** @throws {TsbuildError} DOCKERFILE_ARGUMENTS */
export function checkArguments(file: SourceFile, instruction: Instruction): void {
  const complaint = complaintAbout(instruction);
  if (complaint === undefined) return;
  const { message, hint, range } = complaint;
  throw dockerfileError(file, { code: "ARGUMENTS", message, hint, ranges: [range ?? instruction.range] });
}

interface ArgumentComplaint {
  readonly message: string;
  readonly hint: string;
  readonly range?: SourceRange;
}

function complaintAbout(instruction: Instruction): ArgumentComplaint | undefined {
  switch (instruction.keyword) {
    case "COPY":
    case "ADD":
      return aboutCopy(instruction);
    case "ENV":
    case "LABEL":
      return instruction.pairs.length > 0 ? undefined : missing(instruction.keyword, "at least one", `${instruction.keyword} name=value`);
    case "ARG":
      return instruction.pairs.length > 0 ? undefined : missing("ARG", "at least one", "ARG name or ARG name=default");
    case "HEALTHCHECK":
      return aboutHealthcheck(instruction);
    case "RUN":
    case "CMD":
    case "ENTRYPOINT":
    case "ONBUILD":
      return undefined;
    default:
      return aboutWords(instruction);
  }
}

function missing(keyword: string, howMany: string, example: string): ArgumentComplaint {
  return { message: `${keyword} requires ${howMany} argument`, hint: `write ${example}` };
}

function aboutCopy({ keyword, words, heredocs }: CopyInstruction): ArgumentComplaint | undefined {
  if (words.length < 2) {
    return {
      message: `${keyword} requires at least two arguments, sources and a destination`,
      hint: `write ${keyword} source … destination`,
    };
  }
  const destination = words.at(-1);
  if (!heredocs.some(({ range }) => range.start.offset === destination?.range.start.offset)) return undefined;
  return {
    message: `${keyword} cannot take a heredoc as its destination`,
    hint: "write the destination behind the heredoc",
    ...(destination && { range: destination.range }),
  };
}

function aboutHealthcheck({ type, command }: HealthcheckInstruction): ArgumentComplaint | undefined {
  const hint = "write HEALTHCHECK CMD command, or HEALTHCHECK NONE";
  if (type.value === "") return { message: "HEALTHCHECK requires at least one argument", hint };
  if (type.value === "NONE")
    return command.text.value === "" ? undefined : { message: "HEALTHCHECK NONE takes no arguments", hint, range: command.text.range };
  if (type.value !== "CMD") return { message: `HEALTHCHECK has no type ${JSON.stringify(type.value)}`, hint, range: type.range };
  return command.words.length > 0 ? undefined : { message: "HEALTHCHECK CMD lacks a command", hint };
}

function aboutWords(instruction: WordsInstruction): ArgumentComplaint | undefined {
  const { keyword, words, isJson } = instruction;
  switch (keyword) {
    case "FROM":
      return aboutFrom(instruction);
    case "SHELL":
      if (!isJson && words.length > 0)
        return { message: "SHELL requires its arguments in JSON form", hint: 'write SHELL ["/bin/sh", "-c"]' };
      return words.length > 0 ? undefined : missing("SHELL", "at least one", 'SHELL ["/bin/sh", "-c"]');
    case "VOLUME": {
      const blank = words.find(({ value }) => value.trim() === "");
      if (blank !== undefined)
        return { message: "VOLUME: a path must not be an empty string", hint: "write VOLUME /path", range: blank.range };
      return words.length > 0 ? undefined : missing("VOLUME", "at least one", "VOLUME /path");
    }
    case "EXPOSE":
      return words.length > 0 ? undefined : missing("EXPOSE", "at least one", "EXPOSE 80/tcp");
    default:
      return words.length > 0 ? undefined : missing(keyword, "exactly one", `${keyword} ${EXAMPLES[keyword]}`);
  }
}

const EXAMPLES = { WORKDIR: "/path", USER: "name", STOPSIGNAL: "SIGTERM", MAINTAINER: "name" } as const;

function aboutFrom({ words }: WordsInstruction): ArgumentComplaint | undefined {
  if (words.length === 1 || (words.length === 3 && words[1]?.value.toLowerCase() === "as")) return undefined;
  return { message: "FROM requires either one or three arguments", hint: "write FROM image, or FROM image AS name" };
}
