import assert from "node:assert/strict";
import { createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { TsbuildError } from "../../base/errors.js";
import type { CopyAction } from "../../llb/op.js";
import { loadKernel } from "../../sys/kernel.js";
import { splitPivot } from "./select-parents.js";
import { selectSources } from "./select.js";
import type { Layout } from "./test-folder.js";
import { copyAction, TestFolder } from "./test-folder.js";
import { openContextView, openDirectoryView } from "./view.js";

interface Options {
  readonly ignore?: readonly string[];
  readonly action?: Partial<CopyAction>;
}

/** `path` of the sources, `path > relative` of what is in them. */
function selection(layout: Layout, sources: readonly string[], { ignore = [], action = {} }: Options = {}): readonly string[] {
  using folder = new TestFolder(layout);
  using view = openContextView(loadKernel(), folder.path, ignore);
  return selectSources(view, copyAction(sources, "/x", action)).map(
    (one) => `${one.path}${one.relative === "" ? ` (${one.name})` : ` > ${one.relative}`}${one.implied === true ? " implied" : ""}`,
  );
}

function failure(layout: Layout, sources: readonly string[], options: Options = {}): TsbuildError {
  try {
    selection(layout, sources, options);
  } catch (error) {
    if (error instanceof TsbuildError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

const TREE: Layout = {
  "a.txt": "a",
  "d/a": "1",
  "d/.hidden": "h",
  "d/sub/b": "2",
  link: "-> d",
  "d/rel": "-> a",
  l1: "-> a.txt",
  up: "-> ../../../../a.txt",
  "list[3].csv": "3",
};

test("a file is itself, a folder what is in it, folders before their content, in byte order", () => {
  assert.deepEqual(selection(TREE, ["/a.txt"]), ["a.txt (a.txt)"]);
  assert.deepEqual(selection(TREE, ["/d"]), ["d (d)", "d/.hidden > .hidden", "d/a > a", "d/rel > rel", "d/sub > sub", "d/sub/b > sub/b"]);
});

test("a source that is a link is followed and keeps its own name; links inside a folder stay links", () => {
  assert.deepEqual(selection(TREE, ["/l1"]), ["a.txt (l1)"]);
  assert.deepEqual(selection(TREE, ["/link/sub"]), ["d/sub (sub)", "d/sub/b > b"]);
  assert.deepEqual(selection(TREE, ["/up"]), ["a.txt (up)"], "a link that leads out ends at the top");
});

test("wildcards match component by component, as Go's filepath.Match", () => {
  assert.deepEqual(selection(TREE, ["/l*"]), [
    "a.txt (l1)",
    "d (link)",
    "d/.hidden > .hidden",
    "d/a > a",
    "d/rel > rel",
    "d/sub > sub",
    "d/sub/b > sub/b",
    "list[3].csv (list[3].csv)",
  ]);
  assert.deepEqual(selection(TREE, ["/list[[]3].csv"]), ["list[3].csv (list[3].csv)"]);
  assert.deepEqual(selection(TREE, ["/*/sub/?"]), ["d/sub/b (b)"], "a link on the way is not followed behind a wildcard");
  assert.deepEqual(selection(TREE, ["/link/s*"]), ["d/sub (sub)", "d/sub/b > b"], "but before it");
});

test("a wildcard without match is passed over, or an error when that isn't allowed", () => {
  assert.deepEqual(selection(TREE, ["/a.txt", "/zz*"]), ["a.txt (a.txt)"]);
  assert.equal(failure(TREE, ["/zz*"], { action: { allowEmptyWildcard: false } }).code, "COPY_SOURCE_MISSING");
});

test("without wildcards allowed, a star is a name", () => {
  assert.deepEqual(selection({ "a*": "star", ab: "b" }, ["/a*"], { action: { allowWildcard: false } }), ["a* (a*)"]);
});

test("a missing source is named, with the nearest names", () => {
  const error = failure({ "package.json": "", src: "x" }, ["/pakage.json"]);
  assert.equal(error.code, "COPY_SOURCE_MISSING");
  assert.match(error.message, /"\/pakage\.json": not found/);
  assert.match(error.hint ?? "", /"\/package\.json"/);
});

test("a source that the ignore file hides says which pattern does it", () => {
  const error = failure({ "secret/key": "k", a: "" }, ["/secret/key"], { ignore: ["*.log", "secret"] });
  assert.match(error.message, /"\/secret\/key": not found/);
  assert.match(error.hint ?? "", /pattern "secret"/);
});

test("a link that leads nowhere says so", () => {
  assert.match(failure({ dang: "-> nope" }, ["/dang"]).hint ?? "", /link to "nope"/);
});

const IGNORED: readonly (readonly [name: string, ignore: readonly string[], layout: Layout, expected: readonly string[]])[] = [
  [
    "patterns are anchored at the root",
    ["*.log", "secret"],
    { "b.log": "", "secret/k": "", "sub/c.log": "", "sub/secret": "" },
    ["sub", "sub/c.log", "sub/secret"],
  ],
  [
    "an exception keeps the folders above it",
    ["**", "!build/out/app"],
    { "build/a": "", "build/out/app": "", "build/out/tmp": "", other: "" },
    ["build", "build/out", "build/out/app"],
  ],
  [
    "the last line decides",
    ["*.md", "!README.md", "docs", "!docs/keep", "docs/keep/not.txt"],
    { "README.md": "", "o.md": "", "docs/a": "", "docs/keep/b": "", "docs/keep/not.txt": "" },
    ["README.md", "docs", "docs/keep", "docs/keep/b"],
  ],
  ["a folder with nothing left in it is gone", ["d", "!d/*.keep"], { "d/x": "", "e/x": "" }, ["e", "e/x"]],
];

for (const [name, ignore, layout, expected] of IGNORED) {
  test(`ignore: ${name}`, () => {
    assert.deepEqual(
      selection(layout, ["/"], { ignore })
        .slice(1)
        .map((line) => line.split(" > ")[1]),
      expected,
    );
  });
}

test("a link to an ignored file leads nowhere", () => {
  assert.equal(failure({ hidden: "x", link: "-> hidden" }, ["/link"], { ignore: ["hidden"] }).code, "COPY_SOURCE_MISSING");
});

const EXCLUDED: readonly (readonly [excludes: readonly string[], expected: readonly string[]])[] = [
  [["*.md"], ["a.txt", "sub", "sub/c.md", "sub/node_modules", "sub/node_modules/y"]],
  [
    ["**/*.md", "**/node_modules"],
    ["a.txt", "sub"],
  ],
  [["*", "!a.txt"], ["a.txt"]],
  [
    ["sub", "!sub/c.md"],
    ["a.txt", "b.md", "sub", "sub/c.md"],
  ],
];

for (const [excludes, expected] of EXCLUDED) {
  test(`--exclude ${excludes.join(" ")}`, () => {
    const lines = selection({ "d/a.txt": "", "d/b.md": "", "d/sub/c.md": "", "d/sub/node_modules/y": "" }, ["/d"], {
      action: { excludes },
    });
    assert.deepEqual(
      lines.slice(1).map((line) => line.split(" > ")[1]),
      expected,
    );
  });
}

test("--exclude drops matches of a wildcard by their name", () => {
  assert.deepEqual(selection({ "home.txt": "", "home.md": "" }, ["/hom*"], { action: { excludes: ["*.txt"] } }), ["home.md (home.md)"]);
});

const PARENTS: Layout = {
  "docs/a.md": "",
  "docs/x/b.md": "",
  "docs/x/y/c.md": "",
  "docs/x/y/d.png": "",
  "docs/empty/z.png": "",
  "top/mid/a.md": "",
};
const KEPT: readonly (readonly [source: string, expected: readonly string[]])[] = [
  ["/docs/x/b.md", ["docs implied", "docs/x implied", "docs/x/b.md"]],
  ["/docs/x/y", ["docs implied", "docs/x implied", "docs/x/y", "docs/x/y/c.md", "docs/x/y/d.png"]],
  ["/docs/**/*.md", ["docs implied", "docs/a.md", "docs/x implied", "docs/x/b.md", "docs/x/y implied", "docs/x/y/c.md"]],
  ["./top/./mid/*.md", ["mid implied", "mid/a.md"]],
  ["/top/mid/./a.md", ["a.md"]],
  ["/*/mid", ["top implied", "top/mid", "top/mid/a.md"]],
];

for (const [source, expected] of KEPT) {
  test(`--parents ${source}`, () => {
    assert.deepEqual(
      selection(PARENTS, [source], { action: { keepParents: true } })
        .slice(1)
        .map((line) => line.split(" > ")[1]),
      expected,
    );
  });
}

test("--parents: a plain source has to be there, a wildcard not", () => {
  assert.match(failure(PARENTS, ["/docs/none.md"], { action: { keepParents: true } }).message, /"\/docs\/none\.md": not found/);
  assert.equal(selection(PARENTS, ["/docs/*.zip"], { action: { keepParents: true } }).length, 1);
});

test("--parents with --exclude", () => {
  const lines = selection({ "src/a.js": "", "src/test/t.js": "", "lib/b.js": "" }, ["/src", "/lib"], {
    action: { keepParents: true, excludes: ["**/test"] },
  });
  assert.deepEqual(lines, [" ()", "src > src", "src/a.js > src/a.js", " ()", "lib > lib", "lib/b.js > lib/b.js"]);
});

test("a pivot in front of everything is none", () => {
  assert.deepEqual(splitPivot("/./a/b"), { base: "", pattern: "a/b" });
  assert.deepEqual(splitPivot("/./top/./mid"), { base: "top", pattern: "mid" });
});

test("sockets inside folders are left out, one that is named is refused", async () => {
  using folder = new TestFolder({ "d/a": "" });
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(join(folder.path, "d/s.sock"), resolve));
  try {
    using view = openDirectoryView(loadKernel(), folder.path);
    assert.deepEqual(
      selectSources(view, copyAction(["/d"], "/x")).map(({ relative }) => relative),
      ["", "a"],
    );
    assert.throws(() => selectSources(view, copyAction(["/d/s.sock"], "/x")), { code: "COPY_SOURCE_UNSUPPORTED" });
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
});

test("names that are not UTF-8 are found", () => {
  using folder = new TestFolder({ "d/a": "" });
  folder.add("d/x", "");
  loadKernel().mknod(Buffer.concat([Buffer.from(`${folder.path}/d/`), Buffer.from([0xff, 0x41])]), 0o100644, 0, 0);
  using view = openDirectoryView(loadKernel(), folder.path);
  assert.deepEqual(
    selectSources(view, copyAction(["/d"], "/x")).map(({ relative }) => relative),
    ["", "a", "x", "\udcffA"],
  );
});
