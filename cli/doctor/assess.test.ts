import assert from "node:assert/strict";
import { test } from "node:test";
import type { ProbeItem } from "../../executor/probe.js";
import { assess, type MachineFacts } from "./assess.js";

const GOOD: MachineFacts = { nodeVersion: "20.18.1", root: "/var/lib/tsbuild", freeBytes: 50e9 };
const RUNTIME: ProbeItem = { name: "runtime", ok: true, isRequired: true, found: "/usr/bin/crun" };
const CONMON: ProbeItem = { name: "conmon", ok: true, isRequired: false, found: "/usr/bin/conmon" };

const wrong = (facts: MachineFacts, ...report: ProbeItem[]): string =>
  assess(facts, report)
    .filter(({ state }) => state !== "ok")
    .map(({ topic, state }) => `${topic} ${state}`)
    .join(", ");

test("nothing is wrong with a good machine", () => {
  assert.equal(wrong(GOOD, RUNTIME, CONMON), "");
});

test("what tsbuild can't do without is missing, the rest limits it", () => {
  assert.equal(wrong(GOOD, { ...RUNTIME, ok: false }, { ...CONMON, ok: false }), "runtime missing, conmon limited");
  assert.equal(wrong({ ...GOOD, nodeVersion: "18.0.0", freeBytes: 1e9 }, RUNTIME), "node missing, space limited");
});

test("what to do stands behind what was found", () => {
  const [, finding] = assess(GOOD, [{ ...CONMON, ok: false, found: "missing", advice: "apt install conmon" }]);
  assert.equal(finding?.text, "missing: apt install conmon");
});
