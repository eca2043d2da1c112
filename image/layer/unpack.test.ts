import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { loadKernel } from "../../sys/kernel.js";
import type { FileEntry, FileList } from "../types.js";
import { joinFileLists } from "./file-list.js";
import { scanDirectory } from "./scan.js";
import type { HandEntry } from "./testing.js";
import { blobOf, entryOf, handTar, shape, temporaryDir } from "./testing.js";
import { fixImpliedDirs, needsReapply, unpackLayer } from "./unpack.js";

const kernel = loadKernel();
const MEDIA_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip";

const dir = (name: string, more: Partial<HandEntry> = {}): HandEntry => ({ name: `${name}/`, typeFlag: "5", ...more });
const file = (name: string, content = name): HandEntry => ({ name, content });
const link = (name: string, linkName: string): HandEntry => ({ name, typeFlag: "2", mode: 0o777, linkName });
const hard = (name: string, linkName: string): HandEntry => ({ name, typeFlag: "1", linkName });

async function alone(
  context: TestContext,
  entries: readonly HandEntry[],
): Promise<Awaited<ReturnType<typeof unpackLayer>> & { readonly dest: string }> {
  const dest = temporaryDir(context);
  const unpacked = await unpackLayer(kernel, {
    blobPath: blobOf(context, gzipSync(handTar(entries))),
    mediaType: MEDIA_TYPE,
    destDir: dest,
  });
  // Whatever the list says, the disk says the same.
  assert.deepEqual(scanDirectory(kernel, dest, { overlayUpper: true, hashFiles: true }), unpacked.list);
  return { ...unpacked, dest };
}

const names = (list: readonly FileEntry[]): string[] => shape(list).slice(1);

/** Layers over each other, bottom first, each an upper of its own. */
class Stack {
  readonly #base: string;
  readonly lowers: string[] = [];

  constructor(context: TestContext) {
    this.#base = temporaryDir(context);
  }

  newUpper(): string {
    const upper = join(this.#base, `upper-${this.lowers.length}-${Math.random().toString(36).slice(2)}`);
    mkdirSync(upper);
    return upper;
  }

  async mounted<T>(upper: string | undefined, use: (root: string) => Promise<T> | T): Promise<T> {
    const [work, target] = ["work", "root"].map((name) => join(this.#base, `${name}-${Math.random().toString(36).slice(2)}`));
    if (work === undefined || target === undefined) throw new Error("unreachable");
    mkdirSync(work);
    mkdirSync(target);
    const empty = join(this.#base, "empty");
    mkdirSync(empty, { recursive: true });
    kernel.mountOverlay({ lowers: [...this.lowers.toReversed(), empty], target, ...(upper !== undefined && { upper, work }) });
    try {
      return await use(target);
    } finally {
      kernel.umount(target);
    }
  }

  /** As a container sees it. */
  view(): Promise<FileEntry[]> {
    return this.mounted(undefined, (root) => scanDirectory(kernel, root, { overlayUpper: false, hashFiles: true }));
  }
}

/** Side by side first, then in order: what pulling does. */
async function pull(
  context: TestContext,
  layers: readonly (readonly HandEntry[])[],
): Promise<{ readonly stack: Stack; readonly lists: FileList[]; readonly reapplied: number }> {
  const stack = new Stack(context);
  const lists: FileList[] = [];
  let reapplied = 0;
  for (const entries of layers) {
    const blobPath = blobOf(context, handTar(entries));
    const destDir = stack.newUpper();
    const unpacked = await unpackLayer(kernel, { blobPath, mediaType: MEDIA_TYPE, destDir });
    const lower = joinFileLists(lists);
    if (needsReapply(lower, unpacked)) {
      reapplied++;
      const again = stack.newUpper();
      const applied = await stack.mounted(again, (root) => unpackLayer(kernel, { blobPath, mediaType: MEDIA_TYPE, destDir: again, root }));
      lists.push(fixImpliedDirs(kernel, again, applied, lower));
      stack.lowers.push(again);
    } else {
      lists.push(fixImpliedDirs(kernel, destDir, unpacked, lower));
      stack.lowers.push(destDir);
    }
  }
  return { stack, lists, reapplied };
}

/** Each layer applied through the mounted root of those below. */
async function applyInOrder(context: TestContext, layers: readonly (readonly HandEntry[])[]): Promise<Stack> {
  const stack = new Stack(context);
  const lists: FileList[] = [];
  for (const entries of layers) {
    const upper = stack.newUpper();
    const blobPath = blobOf(context, handTar(entries));
    const applied = await stack.mounted(upper, (root) => unpackLayer(kernel, { blobPath, mediaType: MEDIA_TYPE, destDir: upper, root }));
    lists.push(fixImpliedDirs(kernel, upper, applied, joinFileLists(lists)));
    stack.lowers.push(upper);
  }
  return stack;
}

test("names begin with ./, / or neither", async (context) => {
  const { list, impliedDirs } = await alone(context, [dir("."), dir("./a"), file("./a/b"), file("/a/c"), file("a//d")]);
  assert.deepEqual(names(list), ["a dir", "a/b file", "a/c file", "a/d file"]);
  assert.deepEqual(impliedDirs, []);
});

test("whiteouts and opaque marks take overlay's form", async (context) => {
  const { list, impliedDirs } = await alone(context, [
    dir("d"),
    file("d/.wh.gone", ""),
    dir("o"),
    file("o/.wh..wh..opq", ""),
    file("o/new"),
    file("implied/.wh.x", ""),
    file(".wh..wh.plnk/1", ""),
  ]);
  assert.deepEqual(
    names(list).filter((line) => !line.includes(".wh.")),
    ["d dir", "d/gone whiteout", "implied dir", "implied/x whiteout", "o dir!", "o/new file"],
  );
  assert.deepEqual(
    impliedDirs.filter((path) => !path.includes(".wh.")),
    ["", "implied"],
  );
});

test("a whiteout doesn't hide what its own layer has", async (context) => {
  const { list } = await alone(context, [
    file("f"),
    file(".wh.f", ""),
    dir("d"),
    file("d/x"),
    file(".wh.d", ""),
    file(".wh.e", ""),
    file("e/y"),
  ]);
  assert.deepEqual(names(list), ["d dir!", "d/x file", "e dir!", "e/y file", "f file"]);
});

test("the later entry of a name wins, and what it replaced is gone", async (context) => {
  const { list } = await alone(context, [
    file("a"),
    dir("a"),
    file("a/b"),
    dir("c"),
    file("c/d"),
    file("c"),
    file("e", "1"),
    file("e", "22"),
  ]);
  assert.deepEqual(names(list), ["a dir!", "a/b file", "c file", "e file"]);
  assert.equal(list.find(({ path }) => path === "e")?.size, 2);
});

test("hard links are one inode, listed under its first name", async (context) => {
  const { list, needsParents } = await alone(context, [
    file("m", "content"),
    hard("a", "m"),
    hard("z", "./m"),
    link("s", "m"),
    hard("s2", "s"),
    file("replaced"),
    hard("keeps", "replaced"),
    file("replaced", "new"),
  ]);
  assert.deepEqual(names(list), [
    "a file",
    "keeps file",
    "m hardlink -> a",
    "replaced file",
    "s symlink -> m",
    "s2 hardlink -> s",
    "z hardlink -> a",
  ]);
  assert.equal(needsParents, false);
});

test("a char device 0:0 is the whiteout that overlay takes it for", async (context) => {
  const { list } = await alone(context, [
    { name: "w", typeFlag: "3", devMajor: 0, devMinor: 0 },
    { name: "null", typeFlag: "3", devMajor: 1, devMinor: 3 },
  ]);
  assert.deepEqual(names(list), ["null char", "w whiteout"]);
});

test("what is linked to but isn't in the layer needs its parents", async (context) => {
  assert.equal((await alone(context, [hard("a", "usr/bin/b")])).needsParents, true);
  const found = await alone(context, [file("lib/x")]);
  assert.equal(needsReapply([entryOf("lib", { type: "dir" })], found), false);
  assert.equal(needsReapply([entryOf("lib", { type: "symlink", target: "usr/lib" })], found), true);
  assert.equal(
    needsReapply([entryOf("lib", { type: "symlink", target: "usr/lib" })], await alone(context, [dir("lib"), file("lib/x")])),
    false,
  );
});

test("links below are followed, links to files below are made, and lists agree with the mount", async (context) => {
  const bottom = [
    dir("."),
    dir("usr", { mode: 0o711 }),
    dir("usr/lib", { uid: 7, mtimeNs: 77n }),
    file("usr/lib/old"),
    file("usr/keep"),
    link("lib", "usr/lib"),
    link("abs", "/usr"),
    link("dangling", "/made/later"),
    dir("emptied"),
    file("emptied/1"),
    file("emptied/2"),
  ];
  const top = [
    file("lib/new"),
    file("abs/lib/.wh.old", ""),
    hard("linked", "usr/keep"),
    file("emptied/.wh..wh..opq", ""),
    file("emptied/3"),
    file("dangling/x"),
  ];
  const { stack, lists, reapplied } = await pull(context, [bottom, top]);
  assert.equal(reapplied, 1);
  const view = await stack.view();
  assert.deepEqual(names(view), [
    "abs symlink -> /usr",
    "dangling symlink -> /made/later",
    "emptied dir",
    "emptied/3 file",
    "lib symlink -> usr/lib",
    "linked file",
    "made dir",
    "made/later dir",
    "made/later/x file",
    "usr dir",
    "usr/keep hardlink -> linked",
    "usr/lib dir",
    "usr/lib/new file",
  ]);
  assert.deepEqual(joinFileLists(lists), view);
  assert.deepEqual(
    [0o711, 7, 77n],
    [
      view.find(({ path }) => path === "usr")?.mode,
      view.find(({ path }) => path === "usr/lib")?.uid,
      view.find(({ path }) => path === "usr/lib")?.mtimeNs,
    ],
  );
});

test("side by side or in order, the result is the same (S-07)", async (context) => {
  const paths = ["a", "b", "a/a", "a/b", "b/a", "a/a/a", "b/a/b"];
  const path = fc.constantFrom(...paths);
  const hidden = (name: string): string => name.replace(/[^/]+$/, ".wh.$&");
  const entry = fc.oneof(
    { weight: 4, arbitrary: fc.tuple(path, fc.constantFrom("x", "yy")).map(([name, content]) => file(name, content)) },
    { weight: 4, arbitrary: path.map((name) => dir(name, { mode: 0o750 })) },
    {
      weight: 2,
      arbitrary: fc
        .tuple(fc.constantFrom("a", "b", "a/a", "a/b"), fc.constantFrom("/b", "a", "../b", "/new", "/"))
        .map(([name, target]) => link(name, target)),
    },
    { weight: 1, arbitrary: fc.tuple(path, path).map(([name, target]) => hard(name, target)) },
    { weight: 2, arbitrary: path.map((name) => file(hidden(name), "")) },
    { weight: 1, arbitrary: path.map((name) => file(`${name}/.wh..wh..opq`, "")) },
  );
  let compared = 0;
  let reapplied = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(entry, { maxLength: 5 }).map(oncePerName), { minLength: 2, maxLength: 3 }), async (layers) => {
      const [pulled, ordered] = await Promise.allSettled([pull(context, layers), applyInOrder(context, layers)]);
      if (pulled.status === "rejected" || ordered.status === "rejected") return;
      compared++;
      reapplied += pulled.value.reapplied;
      const view = await pulled.value.stack.view();
      assert.deepEqual(shape(view), shape(await ordered.value.view()));
      assert.deepEqual(view, joinFileLists(pulled.value.lists));
      assert.deepEqual(view, await ordered.value.view());
    }),
    { numRuns: 120, seed: 7, includeErrorInReport: true },
  );
  assert.ok(compared > 40 && reapplied > 2, `only ${compared} pairs compared, ${reapplied} layers applied again`);
});

/** Tars of layers name each path once; whiteouts come first, as builders write them. */
function oncePerName(entries: readonly HandEntry[]): HandEntry[] {
  const plain = (name: string): string => name.replace("/.wh..wh..opq", "").replace(".wh.", "").replace(/\/$/, "");
  const once = entries.filter((entry, index) => entries.findIndex(({ name }) => plain(name) === plain(entry.name)) === index);
  return [...once.filter(({ name }) => name.includes(".wh.")), ...once.filter(({ name }) => !name.includes(".wh."))];
}
