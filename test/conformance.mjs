// Judges a run of the conformance suite: prints the counts per area, and fails when a case outside the list of
// expected failures failed. Cases of the list that pass are named, so that they are taken off.
//   node test/conformance.mjs RESULTS.json EXPECTED-FAILURES.txt [--update]
import { existsSync, readFileSync, writeFileSync } from "node:fs";

const [resultsPath = "", listPath = "", flag] = process.argv.slice(2);
const { results } = JSON.parse(readFileSync(resultsPath, "utf8"));
const failed = results.filter(({ status }) => status === "failed");

if (flag === "--update") {
  const title =
    "# Conformance cases (build) that are known to fail, one a line. Written by: node test/conformance.mjs RESULTS LIST --update\n";
  writeFileSync(listPath, title + failed.map(({ id }) => `${id}\n`).join(""));
}

const lines = existsSync(listPath) ? readFileSync(listPath, "utf8").split("\n") : [];
const expected = new Set(lines.map((line) => line.trim()).filter((line) => line !== "" && !line.startsWith("#")));
const surprises = failed.filter(({ id }) => !expected.has(id));
const healed = results.filter(({ id, status }) => status === "passed" && expected.has(id));

const areas = new Map();
for (const { id, status } of results) {
  const [, area] = id.split("/");
  const counts = areas.get(area) ?? { passed: 0, failed: 0, skipped: 0 };
  counts[status]++;
  areas.set(area, counts);
}
for (const [area, { passed, failed: lost, skipped }] of [...areas].sort()) {
  console.log(`${area.padEnd(16)} ${String(passed).padStart(4)} of ${passed + lost}${skipped === 0 ? "" : `, ${skipped} skipped`}`);
}
const passed = results.filter(({ status }) => status === "passed").length;
console.log(`${"all".padEnd(16)} ${String(passed).padStart(4)} of ${results.length}`);

for (const { id, problems } of surprises) console.log(`FAILED, and not on the list: ${id}\n    ${String(problems[0] ?? "").slice(0, 300)}`);
for (const { id } of healed) console.log(`passes now, take it off the list: ${id}`);
process.exit(surprises.length === 0 && results.length > 0 ? 0 : 1);
