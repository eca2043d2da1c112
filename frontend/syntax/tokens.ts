/**
 * The lexer for one logical line. Its first word, the keyword, chooses the mode for what follows:
 *
 *   command      flags, then a JSON array or text for a shell       RUN CMD ENTRYPOINT SHELL
 *   healthcheck  flags, a word, then as command                     HEALTHCHECK
 *   list         flags, then a JSON array or words                  COPY ADD VOLUME
 *   words        flags, then words                                  FROM EXPOSE
 *   text         flags, then one text                               WORKDIR USER STOPSIGNAL MAINTAINER
 *   pairs        flags, then words with quotes                      ENV LABEL ARG
 *   onbuild      flags, then a keyword again                        ONBUILD
 *
 * Every character of every line belongs to some token in every mode, so lexing never fails.
 */
import { createToken, Lexer } from "chevrotain";
import type { CustomPatternMatcherReturn, IToken, TokenType } from "chevrotain";
import { ALL_BLANKS, WORD_BLANKS } from "./blanks.js";

const skipped = { group: Lexer.SKIPPED } as const;
/** Chevrotain wants no `$` in patterns. */
const END = "(?![\\s\\S])";
const WORD = `[^${WORD_BLANKS}]`;

function keywords(name: string, words: string, mode: string): TokenType {
  return createToken({ name, pattern: new RegExp(`(?:${words})(?!${WORD})`, "i"), push_mode: mode });
}

const Blanks = createToken({ name: "Blanks", pattern: new RegExp(`[${ALL_BLANKS}]+`), line_breaks: false, ...skipped });
const WordBlanks = createToken({ name: "WordBlanks", pattern: new RegExp(`[${WORD_BLANKS}]+`), line_breaks: false, ...skipped });

export const CommandKeyword: TokenType = keywords("CommandKeyword", "RUN|CMD|ENTRYPOINT|SHELL", "command");
export const HealthcheckKeyword: TokenType = keywords("HealthcheckKeyword", "HEALTHCHECK", "healthcheck");
export const ListKeyword: TokenType = keywords("ListKeyword", "COPY|ADD|VOLUME", "list");
export const WordsKeyword: TokenType = keywords("WordsKeyword", "FROM|EXPOSE", "words");
export const TextKeyword: TokenType = keywords("TextKeyword", "WORKDIR|USER|STOPSIGNAL|MAINTAINER", "text");
export const PairsKeyword: TokenType = keywords("PairsKeyword", "ENV|LABEL|ARG", "pairs");
export const OnbuildKeyword: TokenType = keywords("OnbuildKeyword", "ONBUILD", "onbuild");
export const UnknownKeyword: TokenType = createToken({
  name: "UnknownKeyword",
  pattern: new RegExp(`${WORD}+`),
  line_breaks: false,
  push_mode: "rest",
});
/** Keywords that can't stand behind ONBUILD; told apart here so that ONBUILD can't nest without end. */
export const RefusedTrigger: TokenType = keywords("RefusedTrigger", "ONBUILD|FROM|MAINTAINER", "rest");

/** `--` alone: what follows is no flag, whatever it looks like. */
const endOfFlags = new RegExp(`--(?![^${ALL_BLANKS}])`);
export const FlagsEnd: TokenType = createToken({ name: "FlagsEnd", pattern: Lexer.NA });
function flagsEnd(mode: string): TokenType {
  return createToken({ name: `FlagsEnd_${mode}`, pattern: endOfFlags, categories: [FlagsEnd], push_mode: mode });
}

/** Quotes hold blanks together, and a backslash takes any character as it is, also within single quotes. */
export const Flag: TokenType = createToken({
  name: "Flag",
  pattern: new RegExp(
    `--(?:\\\\[\\s\\S]|"(?:\\\\[\\s\\S]|[^"\\\\])*(?:"|\\\\?${END})|'(?:\\\\[\\s\\S]|[^'\\\\])*(?:'|\\\\?${END})|[^${ALL_BLANKS}"'\\\\])+(?:\\\\${END})?`,
  ),
  line_breaks: false,
});

export const Text: TokenType = createToken({ name: "Text", pattern: /[\s\S]+/, line_breaks: false });
export const Word: TokenType = createToken({ name: "Word", pattern: new RegExp(`${WORD}+`), line_breaks: false, push_mode: "wordsOnly" });
export const CheckType: TokenType = createToken({
  name: "CheckType",
  pattern: new RegExp(`[^${ALL_BLANKS}]+`),
  line_breaks: false,
  push_mode: "commandOnly",
});

/** The bracket of a well-formed JSON array that is the rest of the line. */
export const ArrayOpen: TokenType = createToken({
  name: "ArrayOpen",
  pattern: { exec: matchArrayOpen },
  start_chars_hint: ["["],
  line_breaks: false,
  push_mode: "json",
});
export const ArrayClose: TokenType = createToken({ name: "ArrayClose", pattern: "]" });
export const Comma: TokenType = createToken({ name: "Comma", pattern: "," });
export const StringLiteral: TokenType = createToken({ name: "StringLiteral", pattern: /"(?:[^"\\]|\\[\s\S])*"/, line_breaks: false });
/** Anything but a string in an array, and all behind it: the line is refused whatever follows. */
export const NotAString: TokenType = createToken({ name: "NotAString", pattern: /[^",\]\s][\s\S]*/, line_breaks: false });

function matchArrayOpen(text: string, offset: number): CustomPatternMatcherReturn | null {
  if (text.charAt(offset) !== "[") return null;
  try {
    JSON.parse(text.slice(offset));
    return ["["];
  } catch {
    return null;
  }
}

/** A `key=value`: quotes and escapes hold it together and stay in it. An open quote reaches to the line's end. */
function quotedWord(escape: string): TokenType {
  const e = escape === "\\" ? "\\\\" : escape;
  const body = `${e}[\\s\\S]|"(?:${e}[\\s\\S]|[^"${e}])*(?:"|${e}?${END})|'[^']*(?:'|${END})|[^${ALL_BLANKS}"'${e}]`;
  return createToken({
    name: "QuotedWord",
    pattern: new RegExp(`(?:${body})+(?:${e}${END})?|${e}${END}`),
    line_breaks: false,
    push_mode: "pairsOnly",
  });
}

/** The lexer and the one token type that depend on the escape character. */
export interface Tokens {
  readonly QuotedWord: TokenType;
  readonly all: readonly TokenType[];
  readonly tokenize: (line: string) => IToken[];
}

export function createTokens(escape: string, options: { readonly validate: boolean }): Tokens {
  const QuotedWord = quotedWord(escape);
  const classes = [CommandKeyword, HealthcheckKeyword, ListKeyword, WordsKeyword, TextKeyword, PairsKeyword];
  const modes: Record<string, TokenType[]> = {
    line: [WordBlanks, ...classes, OnbuildKeyword, UnknownKeyword],
    onbuild: [Blanks, flagsEnd("onbuildOnly"), Flag, RefusedTrigger, ...classes, UnknownKeyword],
    onbuildOnly: [Blanks, RefusedTrigger, ...classes, UnknownKeyword],
    command: [Blanks, flagsEnd("commandOnly"), Flag, ArrayOpen, Text],
    commandOnly: [Blanks, ArrayOpen, Text],
    healthcheck: [Blanks, flagsEnd("healthcheckOnly"), Flag, CheckType],
    healthcheckOnly: [Blanks, CheckType],
    list: [Blanks, flagsEnd("listOnly"), Flag, ArrayOpen, Word],
    listOnly: [Blanks, ArrayOpen, Word],
    words: [Blanks, flagsEnd("wordsOnly"), Flag, Word],
    wordsOnly: [WordBlanks, Word],
    text: [Blanks, flagsEnd("rest"), Flag, Text],
    pairs: [Blanks, flagsEnd("pairsOnly"), Flag, QuotedWord],
    pairsOnly: [Blanks, QuotedWord],
    rest: [Blanks, Text],
    json: [Blanks, StringLiteral, Comma, ArrayClose, NotAString],
  };
  const lexer = new Lexer(
    { modes, defaultMode: "line" },
    { positionTracking: "onlyOffset", skipValidations: !options.validate, safeMode: true },
  );
  const all = [...new Set(Object.values(modes).flat()), FlagsEnd];
  return { QuotedWord, all, tokenize: (line) => tokenize(lexer, line) };
}

function tokenize(lexer: Lexer, line: string): IToken[] {
  const { tokens, errors } = lexer.tokenize(line);
  const [error] = errors;
  if (error !== undefined)
    throw new Error(`Internal error: the line ${JSON.stringify(line.slice(0, 200))} has no tokens: ${error.message}`);
  return tokens;
}
