import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Store } from "../cache/store.js";
import { grammarFor } from "../frontend/syntax/grammar.js";
import { parseDockerfile } from "../frontend/syntax/parse.js";
import { loadKernel } from "../sys/kernel.js";
import { ParsedLines } from "./parsed-lines.js";

const TEXT = `# escape=\`
FROM --platform=linux/amd64 scratch AS base
RUN --mount=type=cache,target=/c [ "a", "b" ]
RUN echo 1 \`
  && echo 2
COPY --from=base <<EOF /there
text
EOF
ENV A=b C='d e'
ENV old way of it
HEALTHCHECK --interval=1s CMD true
ONBUILD COPY ["a", "b"]
VOLUME /a /b
CMD []
`;
const FILE = { name: "Dockerfile", text: TEXT };

async function withStore(work: (store: Store) => void | Promise<void>): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), "parsed-lines-"));
  try {
    await using store = await Store.open(root, loadKernel());
    await work(store);
  } finally {
    rmSync(root, { recursive: true });
  }
}

function memoOf(store: Store, grammar = "one"): ParsedLines {
  const lines = ParsedLines.load(store, "place", grammar);
  assert(lines !== undefined);
  return lines;
}

/** Fails when a line has to be parsed. */
function knowingAll(memo: ParsedLines): ParsedLines {
  memo.set = (_escape, line) => assert.fail(`parsed: ${line}`);
  return memo;
}

test("a Dockerfile that was parsed before comes to the same without a grammar", () =>
  withStore((store) => {
    const memo = memoOf(store);
    const first = parseDockerfile(FILE, memo);
    memo.save();
    assert.deepEqual(parseDockerfile(FILE, knowingAll(memoOf(store))), first);
    assert.deepEqual(first, parseDockerfile(FILE));
  }));

test("another escape character, another grammar and a damaged file are parsed anew", () =>
  withStore((store) => {
    const memo = memoOf(store);
    parseDockerfile(FILE, memo);
    memo.save();
    const line = "VOLUME /a /b";
    assert.notEqual(memoOf(store).get("`", line), undefined);
    assert.equal(memoOf(store).get("\\", line), undefined);
    assert.equal(memoOf(store, "two").get("`", line), undefined);
    const [name = ""] = readdirSync(store.path("stat"));
    const path = store.path("stat", name);
    writeFileSync(path, readFileSync(path, "utf8").replace("words", "sword"));
    assert.equal(memoOf(store).get("`", line), undefined);
  }));

test("lines that are gone are forgotten, and nothing is written when nothing is new", () =>
  withStore((store) => {
    const memo = memoOf(store);
    for (const line of ["USER a", "USER b"]) memo.set("\\", line, grammarFor("\\").parseLine(line));
    memo.save();
    const path = store.path("stat", readdirSync(store.path("stat"))[0] ?? "");
    const before = readFileSync(path, "utf8");
    const known = memoOf(store);
    known.get("\\", "USER a");
    known.save();
    assert.equal(readFileSync(path, "utf8"), before);
    known.set("\\", "USER c", grammarFor("\\").parseLine("USER c"));
    known.save();
    assert.notEqual(memoOf(store).get("\\", "USER a"), undefined);
    assert.equal(memoOf(store).get("\\", "USER b"), undefined);
  }));
