import assert from "node:assert/strict";
import { test } from "node:test";
import { checkNode, hasCapability } from "./requirements.js";

test("Node 20.18 is the oldest that will do", () => {
  checkNode("20.18.0");
  checkNode("22.0.0");
  assert.throws(() => checkNode("20.17.9"), { code: "NODE_TOO_OLD", message: /20\.17\.9/ });
  assert.throws(() => checkNode("18.20.0"), { code: "NODE_TOO_OLD" });
});

test("capabilities are read from the effective set, not from the permitted one", () => {
  const status = "Name:\tnode\nCapPrm:\t000001ffffffffff\nCapEff:\t00000000a80425fb\nCapBnd:\t000001ffffffffff\n";
  assert.equal(hasCapability(status, 21n), false);
  assert.equal(hasCapability(status.replace("a80425fb", "a82425fb"), 21n), true);
});
