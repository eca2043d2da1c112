import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { importProblems, importsOf } from "./imports.js";

const FOLDERS = ["base", "sys", "llb", "image", "cache", "frontend", "solver", "executor", "worker", "cli"];

function projectRoot(): string {
  let folder = import.meta.dirname;
  while (!existsSync(join(folder, "package.json"))) folder = dirname(folder);
  return folder;
}

function sources(root: string): readonly string[] {
  const below = (folder: string): readonly string[] =>
    readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }).map((path) => `${folder}/${path}`);
  return FOLDERS.flatMap(below).filter((path) => path.endsWith(".ts") && !path.endsWith(".d.ts"));
}

test("every import of the program goes down the table", () => {
  const root = projectRoot();
  const files = sources(root);
  assert.ok(files.length > 50, `only ${files.length} sources found in ${root}`);
  assert.deepEqual(
    files.flatMap((path) => importProblems(path, readFileSync(join(root, path), "utf8"))),
    [],
  );
});

test("all forms of imports are seen", () => {
  const text = [
    'import { a } from "./a.js";',
    'import type { B } from "./b.js";',
    "import {\n  c,\n  d,\n} from './c.js';",
    'import "./e.js";',
    'export { f } from "./f.js";',
    'const g = await import("./g.js");',
  ].join("\n");
  assert.deepEqual(importsOf(text), ["./a.js", "./b.js", "./c.js", "./e.js", "./f.js", "./g.js"]);
});

test("an import upwards, sideways or past a ban is a problem", () => {
  const problems = (path: string, specifier: string): number => importProblems(path, `import { x } from "${specifier}";`).length;
  assert.equal(problems("cache/store.ts", "../image/types.js"), 0);
  assert.equal(problems("cache/store.ts", "./layout.js"), 0);
  assert.equal(problems("cache/store.ts", "../worker/types.js"), 1);
  assert.equal(problems("frontend/compile/copy.ts", "../../solver/solve.js"), 1);
  assert.equal(problems("executor/run.ts", "../cache/types.js"), 1);
  assert.equal(problems("image/a.ts", "../test/rig.js"), 1);
});

test("koffi, undici and their like belong to one folder", () => {
  assert.deepEqual(importProblems("sys/libc.ts", 'import koffi from "koffi";'), []);
  assert.deepEqual(importProblems("cache/flock.ts", 'import koffi from "koffi";'), ["cache/flock.ts imports koffi: only sys/ may"]);
  assert.deepEqual(importProblems("image/registry/client.ts", 'const { fetch } = await import("undici");'), []);
  assert.equal(importProblems("image/layer/read.ts", 'import { fetch } from "undici";').length, 1);
});

test("only cli prints, and comments don't count", () => {
  assert.deepEqual(importProblems("cli/main.ts", 'process.stderr.write("x")'), []);
  assert.deepEqual(importProblems("worker/build.ts", 'console.log("x")'), ["worker/build.ts uses console.log: only cli/ prints"]);
  assert.equal(importProblems("worker/build.ts", 'process.stderr.write("x")').length, 1);
  assert.deepEqual(importProblems("executor/terminal.ts", "process.stdout.columns"), []);
  assert.deepEqual(importProblems("worker/build.ts", '// console.log("x")\n/* import "../cli/main.js" */'), []);
});
