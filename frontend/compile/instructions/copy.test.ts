import assert from "node:assert/strict";
import { test } from "node:test";
import type { CopyAction, FileOp } from "../../../llb/op.js";
import { compileText, onlyTarget } from "../request-fixture.js";
import { destinationPath, sourcePath } from "./copy-paths.js";

async function fileOp(lines: string, base = "busybox"): Promise<FileOp> {
  const op = onlyTarget(await compileText(`FROM ${base}\n${lines}`)).root?.op;
  assert.ok(op?.kind === "file");
  return op;
}

async function copyAction(lines: string, base?: string): Promise<CopyAction> {
  const action = (await fileOp(lines, base)).actions[0];
  assert.ok(action?.type === "copy");
  return action;
}

test("sources never leave their root", () => {
  assert.equal(sourcePath("../../a", false), "/a");
  assert.equal(sourcePath("/x/../../y/", false), "/y");
  assert.equal(sourcePath(".", false), "/");
  assert.equal(sourcePath("a/./b", false), "/a/b");
});

test("with --parents the pivot stays", () => {
  assert.equal(sourcePath("./top/./mid/*.md", true), "/top/./mid/*.md");
  assert.equal(sourcePath("top/mid/a.md", true), "/top/mid/a.md");
  assert.equal(sourcePath("/./a", true), "/a");
});

test("a destination that is a directory ends in a slash", () => {
  assert.equal(destinationPath(".", "/app", false), "/app/");
  assert.equal(destinationPath("./", "/", false), "/");
  assert.equal(destinationPath("x/../y", "/app", false), "/app/y");
  assert.equal(destinationPath("../../up", "/w", false), "/up");
  assert.equal(destinationPath("/d", "/", true), "/d/");
});

test("COPY follows links of the destination, COPY --link does not", async () => {
  assert.equal((await copyAction("COPY a /b")).followDestinationLinks, true);
  const { root } = onlyTarget(await compileText("FROM busybox\nCOPY --link a /b"));
  assert.equal(root?.op.kind, "merge");
  const copied = root?.inputs[1]?.op;
  assert.ok(copied?.kind === "file" && copied.actions[0]?.type === "copy");
  assert.equal(copied.base, false);
  assert.equal(copied.actions[0].followDestinationLinks, false);
});

test("COPY --link on an empty stage needs no merge", async () => {
  assert.equal((await fileOp("COPY --link a /b", "scratch")).base, false);
});

test("COPY --link=false is a plain COPY", async () => {
  assert.equal((await fileOp("COPY --link=false a /b")).base, true);
});

test("ADD unpacks archives of the context, and COPY never", async () => {
  assert.equal((await copyAction("ADD a.tar /b")).unpack, true);
  assert.equal((await copyAction("ADD --unpack=false a.tar /b")).unpack, false);
  assert.equal((await copyAction("COPY a.tar /b")).unpack, false);
  assert.equal((await copyAction("ADD --unpack https://x.org/a.tar /b")).unpack, true);
  assert.equal((await copyAction("ADD https://x.org/a.tar /b")).unpack, false);
});

test("flags take variables, and an empty one is not there", async () => {
  const action = await copyAction("ARG U=app G M=u=rw E=*.md\nCOPY --chown=$U:7 --chmod=$M --exclude=$E a /b");
  assert.deepEqual(action.owner, { user: "app", group: "7" });
  assert.equal(action.mode, "u=rw");
  assert.deepEqual(action.excludes, ["*.md"]);
  assert.equal((await copyAction("ARG U\nCOPY --chown=$U a /b")).owner, undefined);
});

test("a group alone keeps root as the user", async () => {
  assert.deepEqual((await copyAction("COPY --chown=:staff a /b")).owner, { user: "0", group: "staff" });
});

test("paths, addresses and inline files of one ADD are actions, paths of one tree together, inline files last", async () => {
  const op = await fileOp("ADD a b https://x.org/p/f.txt?q=1 <<EOF c /d\nx\nEOF");
  const shown = op.actions.map((action) =>
    action.type === "copy" ? `${action.input} ${action.sources.join(",")} ${action.destination}` : "",
  );
  assert.deepEqual(shown, ["1 /a,/b /d/", "2 /f.txt /d/", "1 /c /d/", "3 /EOF /d/"]);
});

test("an inline file keeps its quotes, and expands unless its word is quoted", async () => {
  const text = async (word: string): Promise<string> => {
    const { root } = onlyTarget(await compileText(`FROM scratch\nENV A=1\nCOPY <<${word} /f\n"$A" \\$A 'x'\nEOF\n`));
    const action = root?.inputs[0]?.op.kind === "file" ? root.inputs[0].op.actions[0] : undefined;
    assert.ok(action?.type === "makeFile");
    return Buffer.from(action.data, "base64").toString();
  };
  assert.equal(await text("EOF"), `"1" $A 'x'\n`);
  assert.equal(await text('"EOF"'), `"$A" \\$A 'x'\n`);
});

test("the file name comes from the address's path", async () => {
  for (const [url, name] of [
    ["https://x.org/a%20b?c", "/a b"],
    ["https://x.org", "/__unnamed__"],
    ["https://x.org/%2e%2e", "/__unnamed__"],
  ] as const) {
    assert.deepEqual((await copyAction(`ADD ${url} /d/`)).sources, [name]);
  }
});

test("the context is asked for only where it is used", async () => {
  let asked = 0;
  const ignorePatterns = (): Promise<string[]> => Promise.resolve([String(++asked)]);
  await compileText("FROM busybox AS a\nRUN x\nFROM scratch\nCOPY --from=a /x /\nADD https://x.org/f /", { ignorePatterns });
  assert.equal(asked, 0);
  await compileText("FROM scratch\nCOPY a /", { ignorePatterns });
  assert.equal(asked, 1);
});

test("COPY --link with --chmod is a plain COPY, as in BuildKit", async () => {
  const op = await fileOp("COPY --link --chmod=755 --chown=app a /b");
  assert.deepEqual([op.base, op.actions[0]?.type === "copy" && op.actions[0].followDestinationLinks], [true, true]);
});
