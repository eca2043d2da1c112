import assert from "node:assert/strict";
import { test } from "node:test";
import { TsbuildError } from "../../base/errors.js";
import { checkDockerfile } from "../../frontend/compile/compile.js";
import { describeOutline, describeTargets } from "../../frontend/compile/describe.js";
import { testRequest } from "../../frontend/compile/request-fixture.js";
import { outlineJson, outlineText, targetsJson, targetsText } from "./describe.js";
import { checkSarif } from "./sarif.js";

const TEXT = `# VERSION of the base
ARG VERSION=busybox
ARG UNUSED=1
FROM $VERSION AS build
# LEVEL of noise
ARG LEVEL=1
ARG TARGETPLATFORM
RUN --mount=type=secret,id=token,required --mount=type=cache,target=/c,id=modules make
FROM busybox AS other
ARG ELSEWHERE
# release is what is shipped
# and more of it
FROM --platform=linux/arm64 busybox AS release
ARG NONE
ARG VERSION
RUN --mount=type=ssh true
RUN --mount=type=secret,id=token cat
COPY --from=build /x /x
`;
const { signal } = new AbortController();

test("targets: every stage with its description, the one that is built marked", async () => {
  const targets = await describeTargets(testRequest(TEXT), signal);
  assert.equal(targetsText(targets), "TARGET              DESCRIPTION\nbuild\nother\nrelease (default)   is what is shipped\n");
  const { targets: shown, sources } = JSON.parse(targetsJson(targets)) as { targets: Record<string, unknown>[]; sources: string[] };
  assert.deepEqual(
    shown.map(({ name, base, platform, default: isDefault }) => [name, base, platform, isDefault]),
    [
      ["build", "busybox", undefined, undefined],
      ["other", "busybox", undefined, undefined],
      ["release", "busybox", "linux/arm64", true],
    ],
  );
  assert.equal(Buffer.from(sources[0] ?? "", "base64").toString(), TEXT);
});

test("targets need no image, and an unnamed last stage is (default)", async () => {
  assert.equal(targetsText(await describeTargets(testRequest("FROM gone\n"), signal)), "TARGET      DESCRIPTION\n(default)\n");
});

test("outline: what the target and the stages it needs take, once each, in the order of the file", async () => {
  const outline = await describeOutline(testRequest(TEXT, { buildArgs: new Map([["LEVEL", "9"]]) }), signal);
  assert.equal(
    outlineText(outline),
    [
      "TARGET:        release",
      "DESCRIPTION:   is what is shipped",
      "",
      "BUILD ARG   VALUE     DESCRIPTION",
      "VERSION     busybox   of the base",
      "LEVEL       9         of noise",
      "NONE",
      "",
      "SECRET   REQUIRED",
      "token    true",
      "",
      "SSH       REQUIRED",
      "default",
      "",
      "CACHE MOUNT",
      "modules",
      "",
    ].join("\n"),
  );
  const shown = JSON.parse(outlineJson(outline)) as Record<string, { name: string }[]>;
  assert.deepEqual(
    shown["args"]?.map(({ name }) => name),
    ["VERSION", "LEVEL", "NONE"],
  );
  assert.deepEqual(
    shown["secrets"]?.map(({ name }) => name),
    ["token"],
  );
});

test("outline of another target leaves out what that doesn't need; control characters don't reach a terminal", async () => {
  const outline = await describeOutline(testRequest(TEXT, { target: "other" }), signal);
  assert.deepEqual(
    outline.args.map(({ name }) => name),
    ["ELSEWHERE"],
  );
  assert.equal(outlineText({ ...outline, description: "a\u001b[31mb" }).includes("\u001b"), false);
});

test("SARIF: rules once, results with places that count from 1, an error as one of them", async () => {
  const found = await checkDockerfile(testRequest("FROM busybox\nrun a\nRUN b\nmaintainer me\n"), signal);
  const log = JSON.parse(checkSarif({ ...found, error: new TsbuildError("SOME_CODE", "it is broken") })) as {
    version: string;
    runs: {
      tool: { driver: { rules: { id: string }[] } };
      results: { ruleId: string; ruleIndex: number; level: string; locations: unknown[] }[];
    }[];
  };
  const [run] = log.runs;
  assert.ok(run !== undefined);
  assert.equal(log.version, "2.1.0");
  assert.deepEqual(
    run.results.map(({ ruleId, level }) => [ruleId, level]),
    [
      ["ConsistentInstructionCasing", "warning"],
      ["ConsistentInstructionCasing", "warning"],
      ["MaintainerDeprecated", "warning"],
      ["SOME_CODE", "error"],
    ],
  );
  assert.ok(run.results.every(({ ruleId, ruleIndex }) => run.tool.driver.rules[ruleIndex]?.id === ruleId));
  assert.deepEqual(run.results[0]?.locations, [
    { physicalLocation: { artifactLocation: { uri: "Dockerfile" }, region: { startLine: 2, startColumn: 1, endLine: 2, endColumn: 6 } } },
  ]);
});
