import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { TsbuildError } from "../../base/errors.js";
import type { DockerfileAst, Instruction, Word } from "./ast.js";
import { createGrammar } from "./grammar.js";
import { parseDockerfile, parseInstructionText } from "./parse.js";

const SAMPLES = fileURLToPath(new URL("../../../../testdata/dockerfiles/", import.meta.url));
const samples = readdirSync(SAMPLES).map((name) => ({ name, text: readFileSync(`${SAMPLES}${name}/Dockerfile`, "utf8") }));

function parse(text: string): DockerfileAst {
  return parseDockerfile({ name: "Dockerfile", text });
}

/** The tree without the file; ranges as `line:column-line:column`. */
function golden({ file: _file, ...rest }: DockerfileAst): string {
  const shorten = (_key: string, value: unknown): unknown =>
    isRange(value) ? `${value.start.line}:${value.start.column}-${value.end.line}:${value.end.column}` : value;
  return `${JSON.stringify(rest, shorten, 1)}\n`;
}

interface Range {
  readonly start: { readonly line: number; readonly column: number };
  readonly end: { readonly line: number; readonly column: number };
}

function isRange(value: unknown): value is Range {
  return typeof value === "object" && value !== null && "start" in value && "end" in value;
}

for (const { name, text } of samples) {
  test(`the tree of testdata/dockerfiles/${name} is as recorded`, () => {
    const path = `${SAMPLES}${name}/ast.json`;
    const actual = golden(parse(text));
    if (process.env["UPDATE_GOLDEN"] === "1") writeFileSync(path, actual);
    assert.equal(actual, readFileSync(path, "utf8"));
  });

  test(`every word of ${name} stands where its range says`, () => {
    const lines = text.split("\n");
    for (const { value, range } of parse(text).instructions.flatMap(wordsOf)) {
      const source = text.slice(range.start.offset, range.end.offset);
      const wasChanged = range.start.line !== range.end.line || source.startsWith('"');
      if (!wasChanged) assert.equal(source, value);
      assert.equal(
        lines[range.start.line - 1]?.slice(range.start.column, range.start.column + 1) ?? "",
        text.slice(range.start.offset, range.start.offset + 1).replace("\n", ""),
      );
    }
  });

  // bodies of heredocs keep their carriage returns
  if (text.includes("<<")) continue;
  test(`carriage returns and a byte order mark don't change what ${name} says`, () => {
    const meaning = (source: string): unknown =>
      parse(source).instructions.map((instruction) => [instruction.original, wordsOf(instruction).map(({ value }) => value)]);
    assert.deepEqual(meaning(`\ufeff${text.replaceAll("\n", "\r\n")}`), meaning(text));
  });
}

function wordsOf(instruction: Instruction): readonly Word[] {
  if (instruction.keyword === "ONBUILD") return wordsOf(instruction.trigger);
  if ("pairs" in instruction) return instruction.pairs.flatMap(({ key, value }) => (value === undefined ? [key] : [key, value]));
  return "command" in instruction ? instruction.command.words : instruction.words;
}

test("the grammar is sound: Chevrotain finds no ambiguity and no unreachable token", () => {
  for (const escape of ["\\", "`"]) assert.equal(createGrammar(escape, { validate: true }).parseLine("RUN x").type, "command");
});

const REFUSED: readonly [text: string, code: string, line: number, words: string][] = [
  ["", "EMPTY", 1, "Dockerfile cannot be empty"],
  ["\n# only\n", "EMPTY", 1, "no instructions"],
  ["\\\n", "EMPTY", 1, "no instructions"],
  ["FROM a\nCOPPY a b", "UNKNOWN_INSTRUCTION", 2, "unknown instruction: COPPY"],
  ["FROM a\n\n# c\nRUN a \\\n b\nFOO", "UNKNOWN_INSTRUCTION", 6, "FOO"],
  ["// escape=`\nFROM a", "UNKNOWN_INSTRUCTION", 1, "//"],
  ["# escape=\\\n# escape=`\nFROM a", "DIRECTIVE", 2, "escape directive"],
  ["# escape=x\nFROM a", "DIRECTIVE", 1, '"x"'],
  ["FROM", "ARGUMENTS", 1, "FROM requires either one or three arguments"],
  ["FROM a b c", "ARGUMENTS", 1, "FROM requires"],
  ["FROM a\nCOPY a", "ARGUMENTS", 2, "COPY requires at least two arguments"],
  ["FROM a\nADD", "ARGUMENTS", 2, "ADD requires at least two arguments"],
  ["FROM a\nCOPY a <<EOF\nEOF", "ARGUMENTS", 2, "destination"],
  ["FROM a\nARG", "ARGUMENTS", 2, "ARG requires at least one argument"],
  ["FROM a\nARG =x", "ARGUMENTS", 2, "name"],
  ["FROM a\nENV", "ARGUMENTS", 2, "ENV requires"],
  ["FROM a\nENV A", "ARGUMENTS", 2, "ENV must have two arguments"],
  ["FROM a\nENV a=b \\\n  c", "ARGUMENTS", 3, '"c"'],
  ["FROM a\nENV =x", "ARGUMENTS", 2, "name"],
  ["FROM a\nLABEL x", "ARGUMENTS", 2, "LABEL must have two arguments"],
  ["FROM a\nEXPOSE", "ARGUMENTS", 2, "EXPOSE requires at least one argument"],
  ["FROM a\nVOLUME", "ARGUMENTS", 2, "VOLUME requires at least one argument"],
  ['FROM a\nVOLUME ["a", " "]', "ARGUMENTS", 2, "empty string"],
  ["FROM a\nWORKDIR", "ARGUMENTS", 2, "WORKDIR requires exactly one argument"],
  ["FROM a\nUSER \t", "ARGUMENTS", 2, "USER requires exactly one argument"],
  ["FROM a\nSTOPSIGNAL", "ARGUMENTS", 2, "STOPSIGNAL requires exactly one argument"],
  ["FROM a\nMAINTAINER", "ARGUMENTS", 2, "MAINTAINER requires exactly one argument"],
  ["FROM a\nSHELL bash", "ARGUMENTS", 2, "SHELL requires its arguments in JSON"],
  ["FROM a\nSHELL []", "ARGUMENTS", 2, "SHELL requires at least one argument"],
  ["FROM a\nHEALTHCHECK", "ARGUMENTS", 2, "HEALTHCHECK requires at least one argument"],
  ["FROM a\nHEALTHCHECK NONE x", "ARGUMENTS", 2, "NONE takes no arguments"],
  ["FROM a\nHEALTHCHECK CMD", "ARGUMENTS", 2, "lacks a command"],
  ["FROM a\nHEALTHCHECK EXEC x", "ARGUMENTS", 2, '"EXEC"'],
  ["FROM a\nONBUILD", "ARGUMENTS", 2, "ONBUILD requires at least one argument"],
  ["FROM a\nONBUILD onbuild RUN x", "ONBUILD", 2, "ONBUILD"],
  ["FROM a\nONBUILD FROM x", "ONBUILD", 2, "FROM"],
  ["FROM a\nONBUILD MAINTAINER x", "ONBUILD", 2, "MAINTAINER"],
  ["FROM a\nONBUILD XX", "UNKNOWN_INSTRUCTION", 2, "XX"],
  ['FROM a\nCMD ["a", 1]', "JSON", 2, "strings only"],
  ['FROM a\nRUN [["a"]]', "JSON", 2, "strings only"],
  ["FROM a\nCOPY [null]", "JSON", 2, "strings only"],
  ["FROM a\nRUN <<EOF\nx\n EOF\n", "HEREDOC", 2, "unterminated heredoc"],
  ["FROM a\nCOPY <<A <<B /x\nB\nA\n", "HEREDOC", 2, '"B"'],
];

for (const [text, code, line, words] of REFUSED) {
  test(`${JSON.stringify(text)} is refused`, () => {
    const error = refusal(() => parse(text));
    assert.equal(error.code, `DOCKERFILE_${code}`);
    assert.ok(error.message.includes(words), error.message);
    assert.equal(error.location?.ranges[0]?.start.line, line);
  });
}

function refusal(action: () => unknown): TsbuildError {
  try {
    action();
  } catch (error) {
    if (error instanceof TsbuildError) return error;
    throw error;
  }
  return assert.fail("nothing was thrown");
}

test("a near keyword is suggested, a far one is not", () => {
  assert.equal(refusal(() => parse("FROM a\nENTRYPONT x")).hint, "did you mean ENTRYPOINT?");
  assert.equal(refusal(() => parse("FROM a\nSOMETHINGELSE x")).hint, undefined);
});

test("a repeated directive shows both lines", () => {
  const error = refusal(() => parse("# check=skip=all\n# check=skip=all\nFROM a"));
  assert.deepEqual(
    error.location?.ranges.map(({ start }) => start.line),
    [2, 1],
  );
});

test("the syntax directive is read behind two slashes too", () => {
  const { directives, instructions } = parse("// syntax=docker/dockerfile:1\nFROM a");
  assert.deepEqual(
    directives.map(({ name, value }) => [name, value]),
    [["syntax", "docker/dockerfile:1"]],
  );
  assert.equal(instructions.length, 1);
});

test("a trigger's text is one instruction, heredocs included", () => {
  const text = "COPY <<A /a\nbody\nA";
  const instruction = parseInstructionText(text, { name: "trigger", text }, "\\");
  assert.equal(instruction.keyword === "COPY" && instruction.heredocs[0]?.content, "body\n");
  for (const wrong of ["", "RUN a\nRUN b", "# only"]) {
    assert.equal(refusal(() => parseInstructionText(wrong, { name: "t", text: wrong }, "\\")).code, "DOCKERFILE_ONBUILD");
  }
});

test("ONBUILD stores a text that parses to the trigger again", () => {
  const [, onbuild] = parse("FROM a\nONBUILD RUN <<-X cat\n\t1\n\tX\n").instructions;
  assert.ok(onbuild?.keyword === "ONBUILD");
  const again = parseInstructionText(onbuild.text.value, { name: "trigger", text: onbuild.text.value }, "\\");
  assert.deepEqual("heredocs" in again && again.heredocs.map(({ content }) => content), ["1\n"]);
  assert.equal(again.original, onbuild.trigger.original);
});

/** Seconds on the processor, so that a busy machine doesn't count. */
function secondsFor(action: () => unknown): number {
  const before = process.cpuUsage();
  action();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}

test("20,000 instructions in 1 MB are read at once", () => {
  const text = `FROM a\n${Array.from({ length: 20_000 }, (_, number) => `RUN echo ${"x".repeat(20)} ${number} && \\\n  ls /tmp`).join("\n")}\n`;
  assert.ok(secondsFor(() => assert.equal(parse(text).instructions.length, 20_001)) < 3);
});

const MANY = 100_000;
const LONG_LINES: readonly string[] = [
  `RUN a${" \\\n x".repeat(MANY)}`,
  `ENV ${"a=b ".repeat(MANY)}`,
  `CMD [${'"a",'.repeat(MANY)}"b"]`,
  `RUN [${"[".repeat(MANY)}`,
  `COPY ${"a ".repeat(MANY)}`,
  `ENV A="${"\\".repeat(MANY)}`,
  `RUN ${"<<A ".repeat(10_000)}\n${"A\n".repeat(10_000)}`,
  `COPY ${"<< A ".repeat(10_000)} /d\n${"A\n".repeat(10_000)}`,
  `RUN <<A ${"${a:-".repeat(MANY)}`,
  `RUN --a="${"'".repeat(MANY)}`,
  `ONBUILD ${"ONBUILD ".repeat(MANY)}`,
  `RUN <<A\n${"\t".repeat(MANY)}\nA`,
  " \\\n".repeat(MANY),
  "# x\n".repeat(MANY),
  `${"\n".repeat(MANY)}X`,
  `RUN ${"\\".repeat(MANY)}\\ `,
];

for (const line of LONG_LINES) {
  test(`${JSON.stringify(line.slice(0, 24))} and so on, ${line.length} characters, takes time in proportion`, () => {
    const seconds = secondsFor(() => {
      try {
        parse(`FROM a\n${line}\n`);
      } catch (error) {
        if (!(error instanceof TsbuildError)) throw error;
      }
    });
    assert.ok(seconds < 4, `${seconds} s`);
  });
}

const BITS: readonly string[] = [
  "FROM ",
  "RUN ",
  "COPY ",
  "ENV ",
  "ARG ",
  "LABEL ",
  "ONBUILD ",
  "HEALTHCHECK ",
  "CMD ",
  "SHELL ",
  "VOLUME ",
  "WORKDIR ",
  "--a=",
  "--",
  "a",
  "b c",
  "\n",
  "\\\n",
  "\\",
  "`",
  "'",
  '"',
  "[",
  "]",
  ",",
  '"x"',
  "<<",
  "EOF",
  "-",
  "=",
  "$",
  "${",
  "}",
  "#",
  "# escape=`\n",
  " ",
  "\t",
  "\r",
  "\0",
  "\ufeff",
  "\u2028",
  "😀",
  "\ud800",
  "\u0085",
  "\u00a0",
];

test("no text crashes the parser", () => {
  const text = fc.array(fc.oneof(fc.constantFrom(...BITS), fc.string({ maxLength: 3 })), { maxLength: 30 }).map((parts) => parts.join(""));
  fc.assert(
    fc.property(text, (source) => {
      try {
        const ast = parse(source);
        for (const { range } of ast.instructions) assert.ok(range.start.offset <= range.end.offset && range.end.offset <= source.length);
      } catch (error) {
        if (!(error instanceof TsbuildError)) throw error;
        assert.ok(error.location, `${error.message} has no place`);
      }
    }),
    { numRuns: 3000 },
  );
});
