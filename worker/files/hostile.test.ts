import assert from "node:assert/strict";
import { rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { CopyAction, FileAction } from "../../llb/op.js";
import { loadKernel } from "../../sys/kernel.js";
import { applyFileActions, NO_NAMES } from "./apply.js";
import { copyAction, TestFolder } from "./test-folder.js";
import { Tree } from "./tree.js";
import type { SourceView } from "./view.js";
import { openContextView } from "./view.js";

const kernel = loadKernel();

async function apply(root: TestFolder, source: SourceView | undefined, action: FileAction): Promise<void> {
  await applyFileActions(kernel, { root: root.path, actions: [action], sources: [source], ...NO_NAMES });
}

for (const [name, target] of [
  ["absolute", "CANARY"],
  ["upwards", "../../../../../../../../CANARY"],
  ["magic", "/proc/self/root/CANARY"],
  ["by descriptor", "/proc/self/cwd/../../CANARY"],
] as const) {
  test(`a link in the root (${name}) does not lead a write outside`, async () => {
    using canary = new TestFolder({ f: "canary" });
    const link = target.replace("/CANARY", canary.path).replace("CANARY", canary.path);
    const actions: readonly FileAction[] = [
      copyAction(["/f"], "/l/f"),
      copyAction(["/d"], "/l"),
      copyAction(["/f"], "/l/", { followDestinationLinks: false }),
      { type: "makeFile", path: "/l/f", data: "", mode: "0644" },
      { type: "makeDir", path: "/l/x/y", mode: "0755", makeParents: true },
      { type: "remove", path: "/l/f", allowMissing: true, allowWildcard: false },
      { type: "remove", path: "/l/*", allowMissing: true, allowWildcard: true },
    ];
    for (const action of actions) {
      using source = new TestFolder({ f: "evil", "d/f": "evil", "d/g": "evil" });
      using view = openContextView(kernel, source.path, []);
      using root = new TestFolder({ l: `-> ${link}` });
      // a parent that isn't there inside the root is an error, which is as good
      await apply(root, view, action).catch((error: unknown) =>
        assert.ok(error instanceof Error && "code" in error && error.code === "NOT_A_FOLDER", String(error)),
      );
      assert.deepEqual(canary.read(), { f: "canary" }, `${action.type} ${link}`);
    }
  });
}

test("a link in the root to a device or file of the host is replaced inside the root", async () => {
  using canary = new TestFolder({ f: "canary" });
  using source = new TestFolder({ "d/f": "new" });
  using view = openContextView(kernel, source.path, []);
  using root = new TestFolder({ "d/f": `-> ${canary.path}/f` });
  await apply(root, view, copyAction(["/d"], "/d"));
  assert.deepEqual([canary.read(), root.read()], [{ f: "canary" }, { d: "dir", "d/f": "new" }]);
});

const READS: readonly (readonly [name: string, sources: readonly string[], more: Partial<CopyAction>])[] = [
  ["named", ["/l"], {}],
  ["through it", ["/l/secret"], {}],
  ["by a wildcard", ["/l*"], { allowEmptyWildcard: false }],
  ["with --parents", ["/l/secret"], { keepParents: true }],
  ["upwards", ["/../../../../../../CANARY/secret"], {}],
];

for (const [name, sources, more] of READS) {
  test(`a link in the context does not lead a read outside: ${name}`, async () => {
    using canary = new TestFolder({ secret: "canary" });
    using source = new TestFolder({ l: `-> ${canary.path}` });
    using view = openContextView(kernel, source.path, []);
    using root = new TestFolder();
    await assert.rejects(
      apply(
        root,
        view,
        copyAction(
          sources.map((path) => path.replace("/CANARY", canary.path)),
          "/x/",
          more,
        ),
      ),
      { code: "COPY_SOURCE_MISSING" },
    );
  });
}

test("a folder of the context that becomes a link between listing and reading is refused", async () => {
  using canary = new TestFolder({ f: "canary" });
  using source = new TestFolder({ "d/f": "mine" });
  using real = openContextView(kernel, source.path, []);
  const racing: SourceView = {
    label: real.label,
    hasOwners: real.hasOwners,
    lstat: (path) => real.lstat(path),
    list: (path) => real.list(path),
    hiddenBy: (path) => real.hiddenBy(path),
    open: (path) => {
      rmSync(join(source.path, "d"), { recursive: true });
      symlinkSync(canary.path, join(source.path, "d"));
      return real.open(path);
    },
  };
  using root = new TestFolder();
  await assert.rejects(apply(root, racing, copyAction(["/d"], "/d")), { code: "CONTEXT_CHANGED" });
});

test("a tree opens nothing through a link, wherever it is in the path", () => {
  using canary = new TestFolder({ f: "canary" });
  using folder = new TestFolder({ l: `-> ${canary.path}`, "d/l": "-> ..", "d/f": "f" });
  using tree = new Tree(kernel, folder.path);
  for (const path of ["l/f", "d/l/d/f", "../x", "l"]) assert.throws(() => tree.open(path, 0), path);
  assert.equal(tree.lstat("l/f"), undefined);
  assert.equal(tree.lstat("l")?.isSymbolicLink(), true);
});
