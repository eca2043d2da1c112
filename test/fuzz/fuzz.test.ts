import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { type Outcome, compareOutcomes } from "./compare.js";
import { generateProgram } from "./generate.js";
import { withoutKnown } from "./known.js";
import { type Program, describeProgram, writeProgram } from "./program.js";
import { seedOf } from "./random.js";
import { shrink } from "./shrink.js";

function programsOf(series: number, count: number): readonly Program[] {
  return Array.from({ length: count }, (_, index) => generateProgram(seedOf(series, index)));
}

test("a seed gives the same programs each time, and neighbours differ", () => {
  const once = programsOf(7, 50).map(describeProgram);
  assert.deepEqual(programsOf(7, 50).map(describeProgram), once);
  assert.equal(new Set(once).size, 50);
  assert.notDeepEqual(programsOf(8, 50).map(describeProgram), once);
});

test("a hundred programs use every instruction and every flag that is compared", () => {
  const text = programsOf(1, 100).map(describeProgram).join("\n");
  const words = ["COPY", "ADD", "RUN", "ENV", "ARG", "WORKDIR", "USER", "LABEL", "EXPOSE", "VOLUME", "STOPSIGNAL", "CMD", "ENTRYPOINT"];
  const flags = ["--from=", "--chown=", "--chmod=", "*.txt", ".dockerignore:", " -> ", "gzip of", "tar of"];
  assert.deepEqual(
    [...words.map((word) => `${word} `), ...flags].filter((part) => !text.includes(part)),
    [],
  );
});

test("every program's context can be written", async () => {
  const folder = mkdtempSync(join(tmpdir(), "tsbuild-fuzz-"));
  try {
    for (const [index, program] of programsOf(2, 20).entries()) {
      await writeProgram(program, join(folder, String(index)));
      const paths = ["Dockerfile", ...program.entries.filter(({ kind }) => kind !== "link").map(({ path }) => path)];
      assert.deepEqual(
        paths.filter((path) => !existsSync(join(folder, String(index), path))),
        [],
      );
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

const BUILT: Outcome = { kind: "built", tree: new Map([["a", "file 644 0:0"]]), config: { Cmd: ["x"], Env: ["A=1", "B=2"] } };

test("what one builder has and the other has not is a difference", () => {
  const kinds = (theirs: Outcome): readonly string[] => compareOutcomes(BUILT, theirs).map(({ kind }) => kind);
  assert.deepEqual(kinds(BUILT), []);
  assert.deepEqual(kinds({ ...BUILT, tree: new Map([["a", "file 600 0:0"]]) }), ["tree"]);
  assert.deepEqual(kinds({ ...BUILT, tree: new Map() }), ["tree"]);
  assert.deepEqual(kinds({ ...BUILT, tree: new Map([...BUILT.tree, ["b", "file 644 0:0"]]) }), ["tree"]);
  assert.deepEqual(kinds({ ...BUILT, config: { ...BUILT.config, Cmd: ["y"], User: "u" } }), ["config Cmd", "config User"]);
  assert.deepEqual(kinds({ kind: "refused", message: "no" }), ["outcome"]);
});

test("what is known to differ is no difference, and nothing beside it is hidden", () => {
  const differences = (path: string, line: string): number => {
    const theirs: Outcome = { ...BUILT, tree: new Map([...BUILT.tree, [path, line]]), config: { ...BUILT.config, Env: ["B=2", "A=1"] } };
    return compareOutcomes(...withoutKnown(BUILT, theirs)).length;
  };
  assert.equal(differences("etc/hosts", "file 644 0:0"), 0);
  assert.equal(differences("proc/x", "file 644 0:0"), 0);
  assert.equal(differences("etc/hosts2", "file 644 0:0"), 1);
  assert.equal(differences("moded1", "directory 755 0:0"), 1);
});

test("a failing program is made as small as what makes it fail", async () => {
  const program: Program = {
    entries: ["a", "b", "c"].map((path) => ({ kind: "file", path, mode: 0o600, content: path })),
    ignore: ["x"],
    buildArgs: ["A=1"],
    lines: ["FROM base", "RUN { one; two; three; } 2>/dev/null || true", "COPY --chown=1 --chmod=644 a b c /d/", "ENV a=b", "USER x"],
  };
  let tries = 0;
  const stillFails = async ({ lines, entries }: Program): Promise<boolean> => {
    tries++;
    const [text, paths] = [lines.join("\n"), entries.map(({ path }) => path)];
    return text.startsWith("FROM") && /RUN \{.*two/.test(text) && /COPY.*--chmod=644.* b .*\/d/.test(text) && paths.includes("b");
  };
  const small = await shrink(program, { stillFails, tries: 500 });
  assert.deepEqual(small, {
    entries: [{ kind: "file", path: "b", mode: 0o644, content: "b" }],
    ignore: [],
    buildArgs: [],
    lines: ["FROM base", "RUN { two; } 2>/dev/null || true", "COPY --chmod=644 b /d/"],
  });
  assert.ok(tries < 120, `${tries} tries`);
});

test("shrinking ends when the tries are used up", async () => {
  let tries = 0;
  await shrink(generateProgram(1), {
    stillFails: async () => {
      tries++;
      return false;
    },
    tries: 5,
  });
  assert.equal(tries, 5);
});
