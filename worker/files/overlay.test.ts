import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { loadKernel } from "../../sys/kernel.js";
import { applyFileActions, NO_NAMES } from "./apply.js";
import { copyAction, TestFolder } from "./test-folder.js";
import { openDirectoryView } from "./view.js";

test("on an overlay only what changed is in the upper directory, and nothing stays open", async (t) => {
  if (process.getuid?.() !== 0) return t.skip("mounting needs root");
  const kernel = loadKernel();
  using lower = new TestFolder({ "usr/lib/a": "a", "usr/lib/b": "= usr/lib/a", lib: "-> usr/lib", "etc/passwd": "p", "gone/x": "x" });
  using source = new TestFolder({ "s/one": "1", "s/two": "= s/one" });
  using work = new TestFolder({ "upper/": "", "work/": "", "root/": "" });
  const at = (name: string): string => join(work.path, name);
  kernel.mountOverlay({ lowers: [lower.path], upper: at("upper"), work: at("work"), target: at("root") });
  try {
    using view = openDirectoryView(kernel, source.path);
    await applyFileActions(kernel, {
      root: at("root"),
      sources: [view],
      ...NO_NAMES,
      actions: [
        copyAction(["/s"], "/lib/s"),
        copyAction(["/s/one"], "/lib/a"),
        { type: "remove", path: "/gone", allowMissing: false, allowWildcard: false },
      ],
    });
    assert.equal(readFileSync(at("root/usr/lib/b"), "utf8"), "a", "the other name of a replaced file is as it was");
  } finally {
    kernel.umount(at("root"));
  }
  assert.deepEqual(Object.fromEntries(Object.entries(work.read()).filter(([path]) => path.startsWith("upper/"))), {
    "upper/gone": "special",
    "upper/usr": "dir",
    "upper/usr/lib": "dir",
    "upper/usr/lib/a": "1",
    "upper/usr/lib/s": "dir",
    "upper/usr/lib/s/one": "1",
    "upper/usr/lib/s/two": "1",
  });
  mkdirSync(at("root/after"));
});
