import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import fc from "fast-check";
import { TsbuildError } from "../../base/errors.js";
import type { DockerfileAst } from "./ast.js";
import { parseDockerfile } from "./parse.js";
import { printDockerfile } from "./print.js";

const TESTDATA = new URL("../../../../testdata/", import.meta.url);

function parse(text: string): DockerfileAst {
  return parseDockerfile({ name: "Dockerfile", text });
}

/** What a file says, wherever it stands in it. */
function meaning({ directives, escape, instructions }: DockerfileAst): unknown {
  const withoutPlaces = (key: string, value: unknown): unknown =>
    key === "range" || key.endsWith("Range") || key === "keywordText" ? undefined : value;
  return JSON.parse(JSON.stringify({ directives, escape, instructions }, withoutPlaces));
}

function assertPrintable(text: string): void {
  const ast = parse(text);
  const printed = printDockerfile(ast);
  assert.deepEqual(meaning(parse(printed)), meaning(ast), printed);
  assert.equal(printDockerfile(parse(printed)), printed, "printing again changes nothing");
}

for (const folder of ["corpus", "dockerfiles", "graphs"]) {
  const samples = readdirSync(new URL(`${folder}/`, TESTDATA), { withFileTypes: true }).filter((entry) => entry.isDirectory());
  test(`every file of testdata/${folder} says the same when it is printed`, () => {
    assert.ok(samples.length > 0);
    for (const { name } of samples) assertPrintable(readFileSync(new URL(`${folder}/${name}/Dockerfile`, TESTDATA), "utf8"));
  });
}

test("continuations are joined, comments are gone, bodies of heredocs stay as they are", () => {
  assert.equal(
    printDockerfile(parse("# escape=`\nfrom a\n# c\nRUN x `\n  # c\n  y\nCOPY <<-A <<B /d\n\tone\n\tA\ntwo\nB\n")),
    "# escape=`\nFROM a\nRUN x   y\nCOPY <<-A <<B /d\n\tone\nA\ntwo\nB\n",
  );
});

const BITS: readonly string[] = [
  "FROM a\n",
  "\nRUN ",
  "\nCOPY ",
  "\nADD ",
  "\nENV ",
  "\nARG ",
  "\nLABEL ",
  "\nONBUILD ",
  "\nHEALTHCHECK CMD ",
  "\nCMD ",
  "\nSHELL ",
  "\nVOLUME ",
  "\nWORKDIR ",
  "\nUSER ",
  "--a=",
  "--",
  "a",
  "b c",
  "k=v ",
  "\n",
  "\\\n",
  "\\",
  "`",
  "'",
  '"',
  '["a", "b\\n"]',
  "[",
  "]",
  "<<EOF ",
  "<<-'E F' ",
  "3<<X ",
  "\nEOF\n",
  "\n\tE F\n",
  "\nX\n",
  "$",
  "${a:-b}",
  "#",
  "# escape=`\n",
  "# syntax=x\n",
  " ",
  "\t",
  "\r",
  "\f",
  "\0",
  "\ufeff",
  "😀",
  "\u0085",
  "\u00a0",
];

test("whatever can be read can be printed and read again", () => {
  const text = fc
    .array(fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...BITS) }, fc.string({ maxLength: 3 })), { maxLength: 24 })
    .map((parts) => `${parts.join("")}\n`);
  let readable = 0;
  const tryOne = (source: string): void => {
    try {
      parse(source);
    } catch (error) {
      if (error instanceof TsbuildError) return;
      throw error;
    }
    readable++;
    assertPrintable(source);
  };
  fc.assert(
    fc.property(text, fc.boolean(), (source, isStage) => tryOne(isStage ? `FROM a\n${source}` : source)),
    { numRuns: 4000 },
  );
  assert.ok(readable > 400, `only ${readable} were readable`);
});
