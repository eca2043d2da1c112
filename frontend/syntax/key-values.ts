import type { SourceFile } from "../../base/source.js";
import type { KeyValue } from "./ast.js";
import { WORD_BLANKS } from "./blanks.js";
import { dockerfileError } from "./errors.js";
import type { Token } from "./grammar.js";
import type { LogicalLine } from "./logical-line.js";

const BLANKS = new RegExp(`[${WORD_BLANKS}]+`);

export interface KeyValues {
  readonly pairs: readonly KeyValue[];
  readonly isLegacy: boolean;
}

/**
 * `key=value …`, or `key` and a value with blanks: an equals sign in the first word tells which. Quotes stay;
 * expansion removes them.
 * @throws {TsbuildError} DOCKERFILE_ARGUMENTS
 */
export function makePairs(file: SourceFile, line: LogicalLine, name: string, words: readonly Token[]): KeyValues {
  const [first] = words;
  if (first === undefined) return { pairs: [], isLegacy: false };
  if (!first.image.includes("=")) return { pairs: [legacyPair(file, line, name, first)], isLegacy: true };
  return { pairs: words.map((word) => pair(file, line, name, word)), isLegacy: false };
}

/** `name` or `name=default`, several of them. */
export function makeArguments(file: SourceFile, line: LogicalLine, words: readonly Token[]): KeyValues {
  const pairs = words.map((word) =>
    word.image.includes("=")
      ? pair(file, line, "ARG", word)
      : { key: line.word(word.startOffset, word.startOffset + word.image.length), value: undefined },
  );
  return { pairs, isLegacy: false };
}

function pair(file: SourceFile, line: LogicalLine, name: string, word: Token): KeyValue {
  const start = word.startOffset;
  const end = start + word.image.length;
  const equals = word.image.indexOf("=");
  if (equals === -1) {
    throw dockerfileError(file, {
      code: "ARGUMENTS",
      message: `${name}: there is no = in ${JSON.stringify(word.image)}`,
      hint: `write ${name} name=value, with quotes around a value that has blanks`,
      ranges: [line.range(start, end)],
    });
  }
  if (equals === 0)
    throw dockerfileError(file, {
      code: "ARGUMENTS",
      message: `${name}: a name must not be blank`,
      hint: "write the name in front of the =",
      ranges: [line.range(start, end)],
    });
  return { key: line.word(start, start + equals), value: line.word(start + equals + 1, end) };
}

function legacyPair(file: SourceFile, line: LogicalLine, name: string, first: Token): KeyValue {
  const start = first.startOffset;
  const blanks = BLANKS.exec(line.text.slice(start));
  if (blanks === null) {
    throw dockerfileError(file, {
      code: "ARGUMENTS",
      message: `${name} must have two arguments, a name and a value; only ${JSON.stringify(first.image)} is given`,
      hint: `write ${name} ${first.image}=value`,
      ranges: [line.range(start, line.text.length)],
    });
  }
  const valueStart = start + blanks.index + blanks[0].length;
  return { key: line.word(start, start + blanks.index), value: line.word(valueStart, line.text.length) };
}
