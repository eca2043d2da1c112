import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { parsePlatform } from "../../base/platform.js";
import { TsbuildError } from "../../base/errors.js";
import { topological, type Vertex } from "../../llb/graph.js";
import { compile } from "./compile.js";
import { compileText, FakeImages, onlyTarget, testRequest } from "./request-fixture.js";
import type { CompiledBuild, CompileRequest, NamedContext } from "./types.js";

function names({ graph, targets }: CompiledBuild): string[] {
  const roots = targets.flatMap(({ root }): Vertex[] => (root === undefined ? [] : [root]));
  return topological(roots).map((vertex) => graph.meta(vertex).name.replace(/@sha256:\w+/, ""));
}

async function asked(text: string, changes: Partial<CompileRequest> = {}): Promise<string[]> {
  const images = new FakeImages();
  await compileText(text, { images, ...changes });
  return images.asked;
}

test("images of stages that nobody needs are not resolved", async () => {
  assert.deepEqual(await asked("FROM gone AS dead\nRUN x\nFROM busybox AS live\nRUN y\nFROM scratch\nCOPY --from=live /a /"), [
    "busybox linux/amd64",
  ]);
});

test("an image that several stages use is resolved once", async () => {
  assert.deepEqual(await asked("FROM busybox AS a\nRUN x\nFROM busybox\nCOPY --from=a /x /\nCOPY --from=busybox /y /"), [
    "busybox linux/amd64",
  ]);
});

test("independent images are resolved side by side", async () => {
  let waiting = 0;
  let most = 0;
  const fake = new FakeImages();
  const images: CompileRequest["images"] = {
    resolve: async (reference, platform) => {
      most = Math.max(most, ++waiting);
      await nextTurn();
      waiting--;
      return await fake.resolve(reference, platform);
    },
  };
  await compileText("FROM busybox AS a\nRUN x\nFROM configured AS b\nRUN y\nFROM nopath\nCOPY --from=a /x /\nCOPY --from=b /y /", {
    images,
  });
  assert.equal(most, 3);
});

test("when one image fails, the questions about others are called off and awaited", async () => {
  let isOver = false;
  const fake = new FakeImages();
  const images: CompileRequest["images"] = {
    resolve: async (reference, platform, signal) => {
      if (reference !== "configured") return await fake.resolve(reference, platform);
      while (!signal.aborted) await nextTurn();
      await nextTurn();
      isOver = true;
      throw signal.reason;
    },
  };
  await assert.rejects(compileText("FROM configured AS a\nFROM gone\nCOPY --from=a /x /", { images }), { code: "IMAGE_NOT_FOUND" });
  assert.ok(isOver);
});

test("an aborted signal stops before anything is asked", async () => {
  const images = new FakeImages();
  await assert.rejects(compile(testRequest("FROM busybox", { images }), AbortSignal.abort(new Error("enough"))), /enough/);
  assert.deepEqual(images.asked, []);
});

test("a stage may be named in any case, and a name given twice is the last one above", async () => {
  const built = await compileText("FROM busybox AS Build\nRUN one\nFROM busybox AS build\nRUN two\nFROM scratch\nCOPY --from=BUILD /x /");
  assert.deepEqual(names(built), [
    "[build 1/2] FROM docker.io/library/busybox:latest",
    "[build 2/2] RUN two",
    "[stage-2 1/1] COPY --from=BUILD /x /",
  ]);
});

test("a stage wins over an image of its name", async () => {
  assert.deepEqual(await asked("FROM busybox AS configured\nRUN x\nFROM configured\nRUN y"), ["busybox linux/amd64"]);
});

test("the target is a name, an index, or the last stage", async () => {
  const text = "FROM busybox AS one\nRUN 1\nFROM one AS two\nRUN 2\nFROM one\nRUN 3";
  assert.equal(names(await compileText(text, { target: "TWO" })).at(-1), "[two 1/1] RUN 2");
  assert.equal(names(await compileText(text, { target: "0" })).at(-1), "[one 2/2] RUN 1");
  assert.equal(names(await compileText(text)).at(-1), "[stage-2 1/1] RUN 3");
});

test("an unknown target is told with what there is", async () => {
  await assert.rejects(compileText("FROM busybox AS build\nFROM busybox AS release", { target: "relaese" }), (error: unknown) => {
    assert.ok(error instanceof TsbuildError);
    assert.equal(error.code, "TARGET_NOT_FOUND");
    assert.match(error.message, /"relaese".*did you mean release/);
    assert.match(error.hint ?? "", /build, release/);
    return true;
  });
});

test("scratch alone has no files at all", async () => {
  const { root, image, platform } = onlyTarget(await compileText("FROM scratch\nENV A=1", { platforms: [parsePlatform("linux/arm64")] }));
  assert.equal(root, undefined);
  assert.equal(image.config.WorkingDir, "/");
  assert.deepEqual([image.architecture, platform.architecture], ["arm64", "arm64"]);
});

test("the platform of FROM is the image's, unless another was asked for", async () => {
  const text = "FROM --platform=linux/arm64 busybox";
  assert.equal(onlyTarget(await compileText(text)).image.architecture, "arm64");
  assert.equal(onlyTarget(await compileText(text, { platforms: [parsePlatform("linux/amd64")] })).image.architecture, "amd64");
});

test("--no-cache-filter counts for the steps of its stage, --no-cache for all", async () => {
  const ignoring = async (changes: Partial<CompileRequest>): Promise<string[]> => {
    const { graph, targets } = await compileText("FROM busybox AS a\nRUN 1\nFROM a AS b\nRUN 2", changes);
    return topological(targets.flatMap(({ root }) => (root === undefined ? [] : [root])))
      .filter((vertex) => graph.meta(vertex).ignoreCache)
      .map((vertex) => graph.meta(vertex).name);
  };
  assert.deepEqual(await ignoring({ noCacheStages: ["B"] }), ["[b 1/1] RUN 2"]);
  assert.deepEqual(await ignoring({ noCache: true }), ["[a 2/2] RUN 1", "[b 1/1] RUN 2"]);
});

const CONTEXTS: readonly (readonly [what: string, name: string, context: NamedContext, expected: readonly string[]])[] = [
  ["a local folder", "extra", { type: "local", name: "extra" }, ["[context extra] load from client"]],
  ["an image", "extra", { type: "image", reference: "busybox" }, ["FROM docker.io/library/busybox:latest"]],
  [
    "an archive",
    "extra",
    { type: "http", url: "https://x.org/a.tgz" },
    ["[context extra] load from https://x.org/a.tgz", "[context extra] unpack https://x.org/a.tgz"],
  ],
  ["a repository", "extra", { type: "git", url: "https://x.org/r.git#v1" }, ["[context extra] load from https://x.org/r.git#v1"]],
];

for (const [what, name, context, expected] of CONTEXTS) {
  test(`--from reads a named context that is ${what}`, async () => {
    const built = await compileText("FROM scratch\nCOPY --from=extra /a /", { buildContexts: new Map([[name, context]]) });
    assert.deepEqual(names(built), [...expected, "[1/1] COPY --from=extra /a /"]);
  });
}

test("a named context replaces a stage, and that stage's image is not resolved", async () => {
  const buildContexts = new Map<string, NamedContext>([["build", { type: "local", name: "repl" }]]);
  assert.deepEqual(await asked("FROM gone AS build\nRUN x\nFROM scratch\nCOPY --from=build /a /", { buildContexts }), []);
});

test("a named context replaces an image, whatever the form of its name", async () => {
  const buildContexts = new Map<string, NamedContext>([["docker.io/library/alpine", { type: "image", reference: "busybox" }]]);
  assert.deepEqual(await asked("FROM alpine:latest", { buildContexts }), ["busybox linux/amd64"]);
});

test("the build context itself may be an archive", async () => {
  const built = await compileText("FROM scratch\nCOPY a /", {
    buildContexts: new Map([["context", { type: "http", url: "https://x.org/c.tar" }]]),
  });
  assert.equal(names(built)[0], "[context context] load from https://x.org/c.tar");
});
