import assert from "node:assert/strict";
import { test } from "node:test";
import { sha256Digest } from "../../base/digest.js";
import { parseReference } from "../../image/reference.js";
import type { StoredImage } from "../../worker/store-commands/catalog.js";
import { parseFilters } from "../values/filters.js";
import { goJson } from "../values/go-values.js";
import { historyRows } from "./history-rows.js";
import { inspectedImage } from "./inspect-image.js";
import { imageRows } from "./rows.js";
import { globOf, IMAGE_FILTERS, selectImages } from "./select.js";

const DIGEST = sha256Digest("manifest");
const NOW = Date.parse("2026-01-02T00:00:00Z");

function image(names: readonly string[], more: Partial<StoredImage["config"]> = {}): StoredImage {
  const id = sha256Digest(names.join());
  const references = names.map(parseReference);
  const record = { id, target: { mediaType: "m", digest: DIGEST, size: 1 }, manifest: DIGEST, createdAtMs: NOW };
  return {
    id,
    record,
    records: [record],
    tags: references.filter(({ digest }) => digest === undefined),
    digests: references.filter(({ digest }) => digest !== undefined),
    config: {
      architecture: "amd64",
      os: "linux",
      created: "2026-01-01T00:00:00Z",
      config: {},
      rootfs: { type: "layers", diff_ids: [] },
      history: [],
      ...more,
    },
  };
}

const rowsOf = (names: readonly string[], digests = false): readonly string[] =>
  imageRows({ image: image(names), bytes: 4_262_307 }, { nowMs: NOW, noTrunc: false, digests }).map(
    (row) => `${row["Repository"]} ${row["Tag"]} ${row["Digest"]}`,
  );

test("a row for each tag; the digest only where it is asked for", () => {
  const names = ["busybox:1", "busybox:2", "localhost:5000/x:1", `busybox@${DIGEST}`];
  assert.deepEqual(rowsOf(names), ["busybox 1 <none>", "busybox 2 <none>", "localhost:5000/x 1 <none>"]);
  assert.deepEqual(rowsOf(names, true), [`busybox 1 ${DIGEST}`, `busybox 2 ${DIGEST}`, "localhost:5000/x 1 <none>"]);
});

test("an image that was pulled by digest has no tag, one without names has nothing", () => {
  assert.deepEqual(rowsOf([`foo@${DIGEST}`]), ["foo <none> <none>"]);
  assert.deepEqual(rowsOf([`foo@${DIGEST}`], true), [`foo <none> ${DIGEST}`]);
  assert.deepEqual(rowsOf([]), ["<none> <none> <none>"]);
});

test("facts of a row", () => {
  const [row] = imageRows({ image: image(["a"]), bytes: 4_262_307 }, { nowMs: NOW, noTrunc: false, digests: false });
  assert.deepEqual(
    [row?.["CreatedSince"], row?.["Size"], row?.["VirtualSize"], row?.["ID"]?.length],
    ["24 hours ago", "4.26MB", "4.262MB", 12],
  );
});

const app = image(["app:1", "app:2", "team/app:1"], { created: "2026-01-01T10:00:00Z", config: { Labels: { kind: "app" } } });
const old = image(["old:1"], { created: "2025-01-01T00:00:00Z" });
const dangling = image([]);

function selected(...filters: readonly string[]): readonly string[] {
  const found = selectImages([app, dangling, old], {
    filters: parseFilters(filters, IMAGE_FILTERS),
    nowMs: NOW,
    find: (text) => (text === "old" ? old : app),
  });
  return found.map(({ tags }) => tags.map(({ repository, tag }) => `${repository.replace("library/", "")}:${tag}`).join(" ") || "-");
}

test("filters choose images and their names", () => {
  assert.deepEqual(selected(), ["app:1 app:2 team/app:1", "-", "old:1"]);
  assert.deepEqual([selected("dangling=true"), selected("dangling=false").length], [["-"], 2]);
  assert.deepEqual([selected("label=kind=app").length, selected("label=kind=x"), selected("label=kind").length], [1, [], 1]);
  assert.deepEqual([selected("before=app"), selected("since=old").length], [["-", "old:1"], 2]);
  assert.deepEqual(
    [selected("reference=app"), selected("reference=*:1"), selected("reference=*/app")],
    [["app:1 app:2"], ["app:1", "old:1"], ["team/app:1"]],
  );
  assert.deepEqual([selected("reference=app:2", "reference=old"), selected("until=720h")], [["app:2", "old:1"], ["old:1"]]);
  assert.throws(() => selected("dangling=maybe"), { code: "USAGE" });
});

test("a pattern is Go's path.Match", () => {
  const matches = (pattern: string, text: string): boolean => globOf(pattern).test(text);
  assert.deepEqual(
    [
      matches("a*c", "abc"),
      matches("a*c", "a/c"),
      matches("a?c", "abc"),
      matches("[a-b]x", "bx"),
      matches("[^a]x", "ax"),
      matches("a.c", "abc"),
      matches("a\\*c", "a*c"),
      matches("a\\*c", "abc"),
    ],
    [true, false, true, true, false, false, true, false],
  );
  assert.throws(() => globOf("[z-a]"), { code: "USAGE" });
});

test("history: newest first, layers have sizes, only the newest has an ID", () => {
  const made = image(["a"], {
    history: [
      { created: "2026-01-01T00:00:00Z", created_by: `COPY ${"x".repeat(60)}` },
      { created: "2026-01-01T00:00:00Z", created_by: "ENV\ta=b", empty_layer: true },
      { created_by: "RUN x", comment: "c" },
    ],
  });
  const options = { nowMs: NOW, noTrunc: false, human: true };
  const rows = historyRows({ image: made, sizes: [1000, 2000] }, options);
  assert.deepEqual(
    rows.map(({ ID, CreatedSince, CreatedBy, Size, Comment }) => [ID?.length, CreatedSince, CreatedBy, Size, Comment]),
    [
      [12, "N/A", "RUN x", "2kB", "c"],
      ["<missing>".length, "24 hours ago", "ENV a=b", "0B", ""],
      ["<missing>".length, "24 hours ago", `COPY ${"x".repeat(39)}…`, "1kB", ""],
    ],
  );
  assert.deepEqual(
    historyRows({ image: made, sizes: [1000, 2000] }, { ...options, human: false }).map(({ Size }) => Size),
    ["2000", "0", "1000"],
  );
});

test("inspect has Docker's fields in Docker's order, null for lists that aren't there", () => {
  const shown: unknown = JSON.parse(
    goJson(
      inspectedImage(image(["a", `a@${DIGEST}`], { config: { Cmd: ["x"], Labels: { k: "v" }, ExposedPorts: { "80/tcp": {} } } }), {
        bytes: 5,
        directories: ["/1", "/2"],
      }),
    ),
  );
  assert.ok(typeof shown === "object" && shown !== null && "Config" in shown && "GraphDriver" in shown && "RepoDigests" in shown);
  assert.deepEqual(Object.keys(shown).slice(0, 6), ["Id", "RepoTags", "RepoDigests", "Parent", "Comment", "Created"]);
  assert.deepEqual(
    [shown.RepoDigests, shown.GraphDriver],
    [[`a@${DIGEST}`], { Data: { LowerDir: "/1", UpperDir: "/2" }, Name: "overlay2" }],
  );
  const config = shown.Config;
  assert.ok(
    typeof config === "object" &&
      config !== null &&
      "Entrypoint" in config &&
      "Cmd" in config &&
      "Labels" in config &&
      "ExposedPorts" in config,
  );
  assert.deepEqual(
    [config.Entrypoint, config.Cmd, config.Labels, config.ExposedPorts, "Healthcheck" in config],
    [null, ["x"], { k: "v" }, { "80/tcp": {} }, false],
  );
});
