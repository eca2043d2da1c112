import assert from "node:assert/strict";
import { test } from "node:test";
import { probe } from "./probe.js";

test("everything has a name and a finding, and what is not ok comes with advice", async () => {
  const report = await probe();
  assert.deepEqual(
    report.filter(({ name, found }) => name === "" || found === ""),
    [],
  );
  assert.deepEqual(
    report.filter(({ ok, advice }) => !ok && (advice === undefined || advice === "")),
    [],
  );
  assert.equal(new Set(report.map(({ name }) => name)).size, report.length);
});
