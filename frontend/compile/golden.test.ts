import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { parsePlatform } from "../../base/platform.js";
import { graphText } from "./graph-text.js";
import { compileText } from "./request-fixture.js";
import type { CompileRequest } from "./types.js";

const GRAPHS = new URL("../../../../testdata/graphs/", import.meta.url);

const CHANGES: Readonly<Record<string, Partial<CompileRequest>>> = {
  arguments: {
    buildArgs: new Map([
      ["B", "given"],
      ["NOBODY", "1"],
      ["http_proxy", "http://p"],
    ]),
  },
  "dead-stages": { noCacheStages: ["Used"] },
  metadata: { labels: new Map([["version", "cli"]]) },
  mounts: {
    buildArgs: new Map([
      ["BUILDKIT_CACHE_MOUNT_NS", "ns"],
      ["BUILDKIT_SANDBOX_HOSTNAME", "box"],
    ]),
  },
  "multi-platform": { platforms: [parsePlatform("linux/amd64"), parsePlatform("linux/arm64")] },
};

for (const name of readdirSync(GRAPHS)) {
  test(`the graph of ${name} is the golden one`, async () => {
    const folder = new URL(`${name}/`, GRAPHS);
    const built = await compileText(readFileSync(new URL("Dockerfile", folder), "utf8"), CHANGES[name]);
    const golden = new URL("graph.txt", folder);
    if (process.env["UPDATE_GOLDEN"] === "1") writeFileSync(golden, graphText(built));
    assert.equal(graphText(built), readFileSync(golden, "utf8"));
  });
}
