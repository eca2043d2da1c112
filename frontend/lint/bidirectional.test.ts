import assert from "node:assert/strict";
import { test } from "node:test";
import { compileText } from "../compile/request-fixture.js";

const OVERRIDE = "\u202e";

test("a character that turns the text's direction is found in comments, instructions and heredocs, with its line", async () => {
  const text = `FROM busybox\n# ${OVERRIDE}harmless\nRUN echo a${OVERRIDE}b\nRUN <<EOF\necho \u2066x\u2069\nEOF\n`;
  const { warnings } = await compileText(text);
  const found = warnings.filter(({ code }) => code === "BidirectionalText");
  assert.deepEqual(
    found.map(({ location }) => location?.ranges[0]?.start),
    [
      { line: 2, column: 2, offset: text.indexOf(OVERRIDE) },
      { line: 3, column: 10, offset: text.indexOf(`${OVERRIDE}b`) },
      { line: 5, column: 5, offset: text.indexOf("\u2066") },
    ],
  );
  assert.match(found[0]?.message ?? "", /U\+202E/);
  assert.equal(found[0]?.url, undefined, "the rule is not Docker's");
});

test("it can be skipped, and other scripts are no offence", async () => {
  assert.deepEqual((await compileText(`# check=skip=BidirectionalText\nFROM busybox\nRUN echo ${OVERRIDE}\n`)).warnings, []);
  assert.deepEqual((await compileText("FROM busybox\nRUN echo שלום مرحبا\n")).warnings, []);
});
