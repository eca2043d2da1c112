import assert from "node:assert/strict";
import { test } from "node:test";
import { hasLabels, parseFilters, parseTime } from "./filters.js";
import { ellipsis, renderListing, renderTable } from "./listing.js";
import { goTime, humanDuration, humanSize, rfc3339, timeAgo } from "./units.js";

const rows = [
  { Name: "short", ID: "1" },
  { Name: "a much longer name", ID: "22" },
];
const list = (format?: string): string =>
  renderListing({ rows, headings: { Name: "NAME", ID: "THE ID" }, format, columns: "{{.Name}}\t{{.ID}}" });

test("columns are as wide as their widest cell and three, ten at least; the last is not padded", () => {
  assert.equal(list(), "NAME                 THE ID\nshort                1\na much longer name   22\n");
  assert.equal(renderTable(["A\tB\tC", "\té\tx"]), "A         B         C\n          é         x\n");
});

test("a table of one's own has the headings of its fields, whatever is done to them", () => {
  assert.equal(list("table {{.ID}}\\t{{upper .Name}}"), "THE ID    NAME\n1         SHORT\n22        A MUCH LONGER NAME\n");
});

test("json is a line for each, keys in order; a template is a line for each", () => {
  assert.equal(list("json"), '{"ID":"1","Name":"short"}\n{"ID":"22","Name":"a much longer name"}\n');
  assert.equal(list("{{json .}}"), list("json"));
  assert.equal(list("{{.ID}}={{.Name}}"), "1=short\n22=a much longer name\n");
});

test("an empty list is a heading, and nothing for programs", () => {
  const empty = { rows: [], headings: { Name: "NAME" }, columns: "{{.Name}}" };
  assert.deepEqual(
    [
      renderListing({ ...empty, format: undefined }),
      renderListing({ ...empty, format: "json" }),
      renderListing({ ...empty, format: "{{.Name}}" }),
    ],
    ["NAME\n", "", ""],
  );
});

test("a line break in a cell doesn't break the table", () => {
  assert.equal(renderTable(["a\nb\tc"]), "a b       c\n");
});

test("ellipsis counts itself", () => {
  assert.deepEqual([ellipsis("abcdef", 6), ellipsis("abcdefg", 6)], ["abcdef", "abcde…"]);
});

test("sizes have three digits that count", () => {
  assert.deepEqual(
    [0, 999, 1000, 4262307, 123456, 1.5e9, 999_999].map((bytes) => humanSize(bytes)),
    ["0B", "999B", "1kB", "4.26MB", "123kB", "1.5GB", "1000kB"],
  );
  assert.equal(humanSize(4262307, 4), "4.262MB");
});

test("spans of time are Docker's words", () => {
  const [second, minute, hour, day] = [1000, 60_000, 3_600_000, 86_400_000] as const;
  const spans = [
    0,
    second,
    59 * second,
    61 * second,
    2 * minute,
    59 * minute,
    hour,
    89 * minute,
    91 * minute,
    47 * hour,
    2 * day,
    13 * day,
    14 * day,
    59 * day,
    60 * day,
    800 * day,
  ];
  assert.deepEqual(spans.map(humanDuration), [
    "Less than a second",
    "1 second",
    "59 seconds",
    "About a minute",
    "2 minutes",
    "59 minutes",
    "About an hour",
    "About an hour",
    "2 hours",
    "47 hours",
    "2 days",
    "13 days",
    "2 weeks",
    "8 weeks",
    "2 months",
    "2 years",
  ]);
  assert.deepEqual([timeAgo(undefined, 5), timeAgo(0, 2000)], ["N/A", "2 seconds ago"]);
});

test("times say their zone", () => {
  assert.match(goTime(0), /^19(70|69)-\d\d-\d\d \d\d:\d\d:00 [+-]\d{4} \S+$/);
  assert.equal(Date.parse(rfc3339(1_700_000_000_000)), 1_700_000_000_000);
});

test("filters are name=value and known", () => {
  assert.deepEqual([...parseFilters(["a=1", "a=2=3"], ["a"])], [["a", ["1", "2=3"]]]);
  for (const wrong of ["a", "=1", "b=1"]) assert.throws(() => parseFilters([wrong], ["a"]), { code: "USAGE" });
});

test("labels are there, or have the value", () => {
  const labels = { a: "1", b: "" };
  assert.deepEqual(
    [["a"], ["a=1"], ["a=2"], ["b="], ["c"], ["a", "b"], ["toString"]].map((wanted) => hasLabels(labels, wanted)),
    [true, true, false, true, false, true, false],
  );
  assert.equal(hasLabels(undefined, ["a"]), false);
});

test("a time is a span before now, a date, or seconds", () => {
  const now = 1_000_000_000_000;
  assert.deepEqual(
    ["24h", "1h30m", "10s", "1700000000", "2001-09-09T01:46:40Z"].map((text) => parseTime("--until", text, now)),
    [now - 86_400_000, now - 5_400_000, now - 10_000, 1.7e12, now],
  );
  for (const wrong of ["", "soon", "h", "12x", "2001-13-45"]) assert.throws(() => parseTime("--until", wrong, now), { code: "USAGE" });
});
