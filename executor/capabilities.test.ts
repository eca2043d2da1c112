import assert from "node:assert/strict";
import { test } from "node:test";
import { TsbuildError } from "../base/errors.js";
import { ALL_CAPABILITIES, DEFAULT_CAPABILITIES, capabilitiesOf, capabilitiesOfMask } from "./capabilities.js";

const of = (capAdd: readonly string[], capDrop: readonly string[], privileged = false, bounding = ALL_CAPABILITIES): readonly string[] =>
  capabilitiesOf({ capAdd, capDrop, privileged }, bounding);

test("the default is Docker's mask", () => {
  assert.deepEqual(of([], []), capabilitiesOfMask("00000000a80425fb"));
  assert.equal(DEFAULT_CAPABILITIES.length, 14);
});

test("names are taken with and without CAP_, in any case", () => {
  assert.ok(of(["net_admin"], []).includes("CAP_NET_ADMIN"));
  assert.ok(!of([], ["cap_chown"]).includes("CAP_CHOWN"));
});

test("dropping all leaves what is added", () => {
  assert.deepEqual(of(["NET_ADMIN"], ["all"]), ["CAP_NET_ADMIN"]);
  assert.deepEqual(of([], ["ALL"]), []);
});

test("adding all is what this host has, less what is dropped", () => {
  assert.deepEqual(of(["ALL"], ["CHOWN"], false, ["CAP_CHOWN", "CAP_KILL"]), ["CAP_KILL"]);
  assert.deepEqual(of([], [], true, ["CAP_KILL"]), ["CAP_KILL"]);
});

test("an unknown capability, and one the host can't give, are errors", () => {
  assert.throws(
    () => of(["FLY"], []),
    (error) => error instanceof TsbuildError && error.code === "CAPABILITY_UNKNOWN",
  );
  assert.throws(
    () => of(["SYS_ADMIN"], [], false, DEFAULT_CAPABILITIES),
    (error) => error instanceof TsbuildError && error.code === "CAPABILITY_UNAVAILABLE",
  );
});
